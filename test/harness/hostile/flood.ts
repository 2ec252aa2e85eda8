/** Beta's farms, changed as fast as the API server takes it: hosts, names, quarantines, thousands of unknown hosts, farms that come and go. */
import { cluster } from "../world.ts";
import { asBeta, B, betaFarm } from "./stage.ts";

const FARMS = 40;
const LANES = 4;
const THOUSANDS = Array.from({ length: 4999 }, (_, index) => `BET-${index}`);

export class Flood {
  readonly #token: string;
  readonly #lanes: Promise<void>[] = [];
  #stopped = false;
  #turn = 0;
  /** What the API server took. */
  taken = 0;

  constructor(token: string) {
    this.#token = token;
  }

  start(): void {
    for (let lane = 0; lane < LANES; lane++) this.#lanes.push(this.#run());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#lanes);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const turn = this.#turn++;
      const name = `bet-flood${turn % FARMS}`;
      const code = (await this.#act(turn, name)) ?? 0;
      if (code === 200) this.taken++;
      else if (![404, 409, 422].includes(code)) throw new Error(`the API server says ${code} to ${name}`);
    }
  }

  async #act(turn: number, name: string): Promise<number> {
    const path = cluster.path("ServerFarm", B, name);
    const round = Math.floor(turn / FARMS);
    if (turn % 61 === 60) return await asBeta(this.#token, "DELETE", path);
    const hosts =
      turn % 97 === 96
        ? { computers: [...THOUSANDS, round % 2 === 0 ? "BET1" : "BET2"] }
        : // An entry that is new is urgent each time.
          { computers: round % 2 === 0 ? ["BET1"] : ["BET1", "BET2"], quarantined: [`BET-${turn}`] };
    const spec = { servicePrincipalNames: [`http/f${turn % FARMS}-${round % 3}.beta.contoso.com`], hosts };
    const code = await asBeta(this.#token, "PATCH", path, { spec });
    return code === 404 ? await asBeta(this.#token, "POST", cluster.path("ServerFarm", B), betaFarm(name, spec)) : code;
  }
}
