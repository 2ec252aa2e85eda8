/**
 * The farms that count for one tenant, those that have something first, and then the oldest: where one of them stands costs nothing that grows with
 * their number.
 */

/** A farm, by whether it has something in the directory, when it was made, and its key: in the order of such texts. */
export function seatOf(created: string, key: string, owns: boolean): string {
  return `${owns ? 0 : 1} ${created} ${key}`;
}

function keyOfSeat(seat: string): string {
  return seat.slice(seat.lastIndexOf(" ") + 1);
}

export class Seats {
  /** Undefined: as many as there are. */
  readonly #max: number | undefined;
  readonly #order: string[] = [];

  constructor(max: number | undefined) {
    this.#max = max;
  }

  /** Whether those that are older leave room for it. */
  has(seat: string): boolean {
    return this.#max === undefined || this.#placeOf(seat) < this.#max;
  }

  /** Returns the key of a farm that has no room any more. */
  add(seat: string): string | undefined {
    const place = this.#placeOf(seat);
    if (this.#order[place] === seat) return undefined;
    this.#order.splice(place, 0, seat);
    return this.#max !== undefined && place < this.#max ? this.#keyAt(this.#max) : undefined;
  }

  /** Returns the key of a farm that has room from now on. */
  remove(seat: string): string | undefined {
    const place = this.#placeOf(seat);
    if (this.#order[place] !== seat) return undefined;
    this.#order.splice(place, 1);
    return this.#max !== undefined && place < this.#max ? this.#keyAt(this.#max - 1) : undefined;
  }

  #keyAt(place: number): string | undefined {
    const seat = this.#order[place];
    return seat === undefined ? undefined : keyOfSeat(seat);
  }

  /** Where it stands, or would. */
  #placeOf(seat: string): number {
    let [low, high] = [0, this.#order.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#order[middle] ?? "") < seat) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
