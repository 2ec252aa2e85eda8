/** `kubectl farm events`: what was told of a farm, the oldest first. */
import { z } from "zod";
import { SERVER_FARM } from "../api/generated/server-farm.ts";
import { readAll } from "../kubernetes/list.ts";
import { pathOf } from "../kubernetes/resource.ts";
import { ageOf, printable, styleFor, table, type Terminal } from "./terminal.ts";
import { type ClusterOptions, explain, openCluster } from "./user-cluster.ts";

const eventSchema = z.object({
  metadata: z.object({ creationTimestamp: z.string().nullish() }),
  type: z.string().nullish(),
  reason: z.string().nullish(),
  message: z.string().nullish(),
  count: z.number().nullish(),
  lastTimestamp: z.string().nullish(),
  eventTime: z.string().nullish(),
});

export async function showEvents(name: string, options: ClusterOptions, { out, err }: Terminal): Promise<number> {
  const { client, namespace } = openCluster(options);
  const path = pathOf({ apiVersion: "v1", kind: "Event", plural: "events" }, namespace);
  const fieldSelector = `involvedObject.kind=${SERVER_FARM.kind},involvedObject.name=${name}`;
  const keep = (value: unknown): (z.infer<typeof eventSchema> & { readonly at: string }) | undefined => {
    const event = eventSchema.safeParse(value).data;
    return event && { ...event, at: event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? "" };
  };
  const { objects: found } = await readAll({ client, path, fieldSelector }, keep, AbortSignal.timeout(60_000)).catch(explain);
  if (found.length === 0) err.write(`There are no Events of ${name}. The API server keeps them for an hour, unless it is set otherwise.\n`);
  const [now, style] = [new Date(), styleFor(out)];
  const rows = found
    .toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at))
    .map(({ at, type, reason, message, count }) => [
      ageOf(at, now) + ((count ?? 1) > 1 ? ` (x${count})` : ""),
      type === "Warning" ? style("waiting", type) : printable(type ?? ""),
      printable(reason ?? ""),
      printable((message ?? "").replaceAll("\n", " ")),
    ]);
  if (rows.length > 0) out.write(`${table([["LAST SEEN", "TYPE", "REASON", "MESSAGE"], ...rows]).join("\n")}\n`);
  return 0;
}
