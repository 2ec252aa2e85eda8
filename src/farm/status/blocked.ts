/** What is in the way of a part, in one text. */
import type { Blocker } from "../../api/reasons.ts";
import { listOf } from "../changes/entry.ts";
import type { Failure } from "../report.ts";

/** What was refused here is not waiting for anything. */
export function failureMessage(failed: readonly Failure[], blockers: readonly Blocker[]): string {
  const own = blockers.filter(({ reason }) => reason !== "ChangesPending");
  return [...new Set([...failed.map((failure) => failure.error.message), ...own.map(({ message }) => message)])].join(" ");
}

/** What is the same for several hosts is said once, after their names. */
export function blockersMessage(blockers: readonly Blocker[]): string {
  const groups = [...Map.groupBy(blockers, ({ message }) => message)];
  const shown = groups.slice(0, 10).map(([message, alike]) => {
    const computers = alike.flatMap(({ computer }) => computer ?? []);
    return computers.length === 0 ? message : `${listOf(computers)}: ${message}`;
  });
  const rest = groups.slice(10).reduce((sum, [, alike]) => sum + alike.length, 0);
  return rest > 0 ? `${shown.join(" ")} And ${rest} more.` : shown.join(" ");
}
