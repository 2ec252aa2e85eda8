/** Which credential specs name which accounts: what one account costs does not grow with the number of farms. */
import { accountKey, accountKeysOf, type FoundObject, type NamedAccount } from "../credential-spec/objects.ts";

export class PublishedAccounts {
  /** Names of credential specs, by accountKey. */
  readonly #specs = new Map<string, Set<string>>();

  /** Told of every change of a credential spec. */
  changed(name: string, spec: FoundObject | undefined, previous: FoundObject | undefined): void {
    for (const account of previous ? accountKeysOf(previous) : []) {
      const specs = this.#specs.get(account);
      specs?.delete(name);
      if (specs?.size === 0) this.#specs.delete(account);
    }
    for (const account of spec ? accountKeysOf(spec) : []) this.#specs.set(account, (this.#specs.get(account) ?? new Set()).add(name));
  }

  /** Names of the credential specs that name the account. */
  of(account: NamedAccount): readonly string[] {
    return [...(this.#specs.get(accountKey(account)) ?? [])];
  }
}
