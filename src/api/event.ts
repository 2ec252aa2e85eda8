/** An Event before it is written. */
export interface EventDraft {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  /** Of the ActiveDirectoryDomain, for its owner's eyes; absent: of the object that is reconciled. */
  readonly of?: "Domain";
}
