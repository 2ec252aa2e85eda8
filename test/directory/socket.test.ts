import dns from "node:dns";
import { expect, test, vi } from "vitest";
import { connect } from "../../src/directory/socket.ts";

test("a name that DNS does not answer is asked for once, however often it is tried", async () => {
  const asked = vi.spyOn(dns, "lookup").mockImplementation(() => undefined);
  for (let attempt = 0; attempt < 3; attempt++) {
    await expect(connect("dead.example", 636, undefined, "dead.example", 20)).rejects.toThrow("no connection within 0.02 s");
    await expect(connect("dead.example", 636, {}, "dead.example", 20)).rejects.toThrow("no connection within 0.02 s");
  }
  expect(asked).toHaveBeenCalledTimes(1);
  vi.restoreAllMocks();
});
