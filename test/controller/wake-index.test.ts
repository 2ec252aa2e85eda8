import { describe, expect, test } from "vitest";
import { WakeIndex } from "../../src/controller/wake-index.ts";

describe("which farms a change concerns", () => {
  test("those that asked for one of its lookup keys, one or several, and nobody else", () => {
    const index = new WakeIndex();
    index.set("web/a", new Set(["web01$", "a$"]), []);
    index.set("web/b", new Set(["web01$", "b$"]), []);
    index.set("web/c", new Set(["web01$"]), []);
    expect(index.of(["b$", "x$"])).toEqual(["web/b"]);
    expect(index.of(["web01$"])).toEqual(["web/a", "web/b", "web/c"]);
    index.set("web/b", new Set(["b$"]), []);
    index.remove("web/a");
    expect(index.of(["web01$", "a$"])).toEqual(["web/c"]);
    index.add("web/c", new Set(["c$"]));
    expect(index.of(["web01$"])).toEqual(["web/c"]);
    index.remove("web/c");
    expect(index.of(["web01$", "c$"])).toEqual([]);
  });

  test("a change that the farm's last look has seen is no news; a later one is, and so is one of an object that it did not find", () => {
    const index = new WakeIndex();
    index.set("web/a", new Set(["g"]), [{ objectGUID: "g", usn: 10 }]);
    expect([9, 10, 11].map((usn) => index.hasSeen("web/a", { objectGUID: "g", usn }))).toEqual([true, true, false]);
    expect(index.hasSeen("web/a", { objectGUID: "h", usn: 1 })).toBe(false);
    expect(index.hasSeen("web/b", { objectGUID: "g", usn: 1 })).toBe(false);
    index.add("web/a", new Set(["h"]));
    expect(index.hasSeen("web/a", { objectGUID: "g", usn: 10 })).toBe(true);
  });
});
