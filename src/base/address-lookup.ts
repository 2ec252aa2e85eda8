/** The addresses of a host name, as the system has them. */
import dns from "node:dns";
import type { LookupFunction } from "node:net";

type Answered = Parameters<LookupFunction>[2];

/** By the question, those who wait for its answer. */
const waiting = new Map<string, Answered[]>();

/**
 * One question at a time for each name, whoever asks: the system's takes a thread of a small pool until DNS answers, so that a dead name that is tried again
 * and again would keep every other name waiting.
 */
export const lookupAddress: LookupFunction = (host, options, answered) => {
  const question = JSON.stringify([host, options]);
  const others = waiting.get(question);
  if (others) {
    others.push(answered);
    return;
  }
  const all = [answered];
  waiting.set(question, all);
  dns.lookup(host, options, (...answer) => {
    waiting.delete(question);
    for (const one of all) one(...answer);
  });
};
