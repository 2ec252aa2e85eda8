/** Whether the domain's tenants allow a farm: what the policy says, and what the farm goes by. */
export type Permission =
  /** The domain names no tenants: everybody may ask for everything. */
  | { readonly kind: "Open" }
  | Granted
  /** `message`: tenant, field, value and rule, and what to do. */
  | { readonly kind: "NotAllowed"; readonly message: string }
  /** It cannot be told now, since the labels of the namespace are not known. */
  | { readonly kind: "Unknown"; readonly message: string };

export interface Granted {
  readonly kind: "Allowed";
  readonly tenant: string;
  /** Whole distinguished names: hosts are in these containers or below. */
  readonly hostContainers: readonly string[];
  /** Patterns of the names of hosts. */
  readonly hostNames: readonly string[];
}
