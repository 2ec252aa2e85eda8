import { describe, expect, test } from "vitest";
import { Interests } from "../../src/controller/wake-index.ts";

describe("which farms a change concerns", () => {
  test("those that asked for one of its terms, one or several, and nobody else", () => {
    const interests = new Interests();
    interests.set("web/a", new Set(["web01$", "a$"]), []);
    interests.set("web/b", new Set(["web01$", "b$"]), []);
    interests.set("web/c", new Set(["web01$"]), []);
    expect(interests.of(["b$", "x$"])).toEqual(["web/b"]);
    expect(interests.of(["web01$"])).toEqual(["web/a", "web/b", "web/c"]);
    interests.set("web/b", new Set(["b$"]), []);
    interests.remove("web/a");
    expect(interests.of(["web01$", "a$"])).toEqual(["web/c"]);
    interests.add("web/c", new Set(["c$"]));
    expect(interests.of(["web01$"])).toEqual(["web/c"]);
    interests.remove("web/c");
    expect(interests.of(["web01$", "c$"])).toEqual([]);
  });

  test("a change that the farm's last look has seen is no news; a later one is, and so is one of an object that it did not find", () => {
    const interests = new Interests();
    interests.set("web/a", new Set(["g"]), [{ objectGUID: "g", usn: 10 }]);
    expect([9, 10, 11].map((usn) => interests.hasSeen("web/a", { objectGUID: "g", usn }))).toEqual([true, true, false]);
    expect(interests.hasSeen("web/a", { objectGUID: "h", usn: 1 })).toBe(false);
    expect(interests.hasSeen("web/b", { objectGUID: "g", usn: 1 })).toBe(false);
    interests.add("web/a", new Set(["h"]));
    expect(interests.hasSeen("web/a", { objectGUID: "g", usn: 10 })).toBe(true);
  });
});
