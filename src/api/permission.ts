/** What the domain's tenants say of a farm. */
export interface Granted {
  readonly kind: "Allowed";
  readonly tenant: string;
  /** Whole distinguished names: hosts are in these containers or below. */
  readonly hostContainers: readonly string[];
  /** Patterns of the groups of somebody else that may be host groups. */
  readonly hostGroups: readonly string[];
}
