/** The words that no text for users has, and what to write instead. How texts are written: CONTRIBUTING.md. */

export interface Word {
  /** A regular expression without regard to case, for whole words. A space in it stands for any white space, line ends included. */
  readonly pattern: string;
  readonly instead: string;
}

export const WORDS: readonly Word[] = [
  { pattern: "bears?|bore|borne|bearing", instead: "has" },
  { pattern: "mend(?:s|ed|ing)?", instead: "fix" },
  { pattern: "let(?:s|ting)?(?: [^ .:;]+){0,4} go", instead: "delete, remove or release it: say what happens" },
  { pattern: "(?:take|takes|taking|taken|took) over|takeover", instead: "adopt (an object); fail over (to another domain controller)" },
  { pattern: "somebody else(?:'s)?", instead: "another object, another user, an externally managed group: say whose" },
  { pattern: "of others", instead: "say whose: other objects, other farms" },
  { pattern: "wanted|unwanted", instead: "name the field (hosts in hosts.computers), or: desired" },
  { pattern: "as wished", instead: "in sync" },
  { pattern: "put(?:s|ting)? right", instead: "correct the drift, fix" },
  { pattern: "anew", instead: "again" },
  { pattern: "strangers?", instead: "a member that the farm does not list" },
  { pattern: "(?:get|gets|got|getting) nothing", instead: "say what it does not get: no right, no new host" },
  { pattern: "by (?:itself|themselves)", instead: "automatically; the operator tries again" },
  { pattern: "(?:is|are) tried again", instead: "the operator tries again" },
  { pattern: "(?:go|goes|going|went|gone) on(?! (?:the|a|your) )", instead: "continue" },
  { pattern: "(?:is|are|be) (?:not )?to be (?:had|seen)", instead: "is not visible, is not available" },
  { pattern: "(?:is|are) (?:not )?told", instead: "say who reports what to whom" },
  { pattern: "meanwhile", instead: "in the meantime" },
  { pattern: "upon|thereof|whereof|hitherto|lest|ere", instead: "a plain word" },
  { pattern: "please", instead: "leave it out" },
  { pattern: "e\\.g\\.|i\\.e\\.", instead: "for example; that is" },
];

/** A text that has such a word for a reason. */
export interface Exception {
  readonly file: string;
  /** The words around it, as they stand there. */
  readonly text: string;
  readonly reason: string;
}

export const EXCEPTIONS: readonly Exception[] = [];
