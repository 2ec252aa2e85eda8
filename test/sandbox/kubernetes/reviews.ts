/** Questions rather than objects: who somebody is, and what somebody may. Answered, never kept. */
import { at, isObject, type Json, type JsonObject, textAt, textsOf } from "./json.ts";
import { isAllowed, isAllowedPath, type User } from "./rbac.ts";
import type { ResourceType } from "./resources.ts";
import { StatusError } from "./status.ts";
import type { Store } from "./store.ts";

function review(group: string, kind: string): ResourceType {
  return {
    group,
    version: "v1",
    plural: `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    kind,
    shortNames: [],
    categories: [],
    namespaced: false,
    status: false,
    generation: false,
    schema: undefined,
    columns: [],
    custom: false,
  };
}

export const REVIEWS: readonly ResourceType[] = [
  review("authorization.k8s.io", "SelfSubjectAccessReview"),
  review("authorization.k8s.io", "SubjectAccessReview"),
  review("authentication.k8s.io", "SelfSubjectReview"),
  review("authentication.k8s.io", "TokenReview"),
];

/** Everybody may ask about themselves; about others only who may create such a review, which is asked before. */
export function isAboutOthers(plural: string): boolean {
  return plural === "tokenreviews" || plural === "subjectaccessreviews";
}

export function answerReview(
  store: Store,
  tokens: ReadonlyMap<string, User>,
  user: User,
  plural: string,
  body: Json | undefined,
): JsonObject {
  const reply = (kind: string, status: JsonObject): JsonObject => ({ ...(isObject(body) ? body : {}), kind, metadata: {}, status });
  switch (plural) {
    case "selfsubjectreviews":
      return reply("SelfSubjectReview", { userInfo: { username: user.name, groups: user.groups } });
    case "tokenreviews": {
      const found = tokens.get(textAt(body, "spec", "token") ?? "");
      return reply("TokenReview", found ? { authenticated: true, user: { username: found.name, groups: found.groups } } : { user: {} });
    }
    case "selfsubjectaccessreviews":
      return reply("SelfSubjectAccessReview", { allowed: isGranted(store, user, body) });
    case "subjectaccessreviews": {
      const asked = { name: textAt(body, "spec", "user") ?? "", groups: textsOf(at(body, "spec", "groups")) };
      return reply("SubjectAccessReview", { allowed: isGranted(store, asked, body) });
    }
    default:
      throw new StatusError(404, "NotFound", "the server could not find the requested resource");
  }
}

function isGranted(store: Store, user: User, body: Json | undefined): boolean {
  const path = at(body, "spec", "nonResourceAttributes");
  if (isObject(path)) return isAllowedPath(store, user, textAt(path, "verb") ?? "", textAt(path, "path") ?? "");
  const wanted = at(body, "spec", "resourceAttributes");
  const subresource = textAt(wanted, "subresource") ?? "";
  const resource = textAt(wanted, "resource") ?? "";
  return isAllowed(store, user, {
    verb: textAt(wanted, "verb") ?? "",
    group: textAt(wanted, "group") ?? "",
    resource: subresource === "" ? resource : `${resource}/${subresource}`,
    namespace: textAt(wanted, "namespace") ?? "",
    name: textAt(wanted, "name") ?? "",
  });
}
