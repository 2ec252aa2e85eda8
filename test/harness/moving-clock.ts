/** Loaded before a program (node --import): at each SIGUSR2 its clock is put ten minutes ahead, and back. Its timers and its monotonic clock stay as they are. */
const Real = Date;
let ahead = 0;

globalThis.Date = new Proxy(Real, {
  construct: (target, args: ConstructorParameters<typeof Real> | []): Date =>
    args.length === 0 ? new target(Real.now() + ahead) : new target(...args),
  get: (target, name, as): unknown => (name === "now" ? () => Real.now() + ahead : Reflect.get(target, name, as)),
});
process.on("SIGUSR2", () => {
  ahead = ahead === 0 ? 600_000 : 0;
});
