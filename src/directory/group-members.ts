/** Reads the members of a large group, of which the directory answers with a part at a time (MS-ADTS 3.1.1.3.1.3.3). */
import { brokenOff, DirectoryError } from "../ad/error.ts";
import type { DirectoryObject } from "../ad/object.ts";
import { Gate } from "../base/turns.ts";
import type { Asker } from "./batch.ts";
import type { Attributes } from "./entries.ts";
import type { LdapSession } from "./session.ts";

/** Parts that are read at once, of urgent groups and of others. */
const PARTS = 4;

export class GroupMembers {
  readonly #session: LdapSession;
  readonly #gates = { urgent: new Gate(PARTS), other: new Gate(PARTS) };

  constructor(session: LdapSession) {
    this.#session = session;
  }

  /** `entry`: with the first part. After about `membersAtMost` no more are asked for. Groups take turns, part by part, so that a small one does not wait for all of a large one. */
  async all(
    entry: Attributes,
    { members, objectGUID }: DirectoryObject,
    { query: { urgent, membersAtMost = Infinity }, signal }: Pick<Asker, "query" | "signal">,
  ): Promise<readonly string[]> {
    const all = [...members];
    const [gate, group] = [this.#gates[urgent === true ? "urgent" : "other"], crypto.randomUUID()];
    for (let next = entry.range("member")?.next; next !== undefined && all.length < membersAtMost;) {
      const attribute = `member;range=${next}-*`;
      const more = await gate.pass(group, "Change", async () => {
        if (signal.aborted) throw brokenOff();
        return await this.#session.searchOne({ base: `<GUID=${objectGUID}>`, scope: "base", attributes: [attribute] });
      });
      const range = more?.range("member");
      // Without the range the list would end here unseen, and members look as if they were not in.
      if (!range) throw new DirectoryError("Unavailable", `${entry.distinguishedName}: its members changed while they were read`);
      all.push(...range.values);
      next = range.next;
    }
    return all;
  }
}
