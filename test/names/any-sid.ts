import fc from "fast-check";

/** Any security identifier, for tests that hold for all of them. */
export const anySid = fc.array(fc.nat({ max: 0xffffffff }), { minLength: 1, maxLength: 15 }).map((parts) => ["S-1-5", ...parts].join("-"));
