import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { findKubectl } from "../harness/kube.ts";
import { run } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";

test("the demo's tour tells a farm's life, from nothing to nothing", { timeout: 180_000 }, async () => {
  const said = await run("npm", ["run", "demo", "--", "--once"], { env: { NO_COLOR: "1" } });
  const steps = [
    [
      "Deploy a farm",
      "+ gMSA ITFarm1$",
      "Ready True, Reconciled, hosts 3/3",
      "WEB01      asks for the password of ITFarm1$ and gets it",
      "WEB04      asks for the password of ITFarm1$ and is refused",
    ],
    ["Add a host", "HostNotFound, hosts 4/5", "+ computer WEB07$", "Ready True, Reconciled, hosts 5/5"],
    ["Ask for a service principal name", "http/shop.contoso.com is", "Ready True"],
    ["An administrator adds a computer that the farm does not list", "member +KIOSK9", "member -KIOSK9", "DriftCorrected"],
    [
      "A host is compromised",
      "member -WEB02",
      "WEB02      asks for the password of ITFarm1$ and is refused",
      "Quarantined: CN=WEB02,CN=Computers.",
      "an admin moves WEB02",
      "HostMoved: hosts.quarantined: CN=WEB02,CN=Computers was moved or renamed and stays out",
      "WEB02      asks for the password of ITFarm1$ and is refused",
    ],
    [
      "Let Windows Pods run as the account",
      "CredentialSpecPublished: create GMSACredentialSpec web.itfarm1",
      "of ServiceAccount web asks for web.itfarm1 and gets it",
      "of ServiceAccount guest asks for web.itfarm1 and is refused",
    ],
    [
      "The farm is not needed any more",
      "- gMSA ITFarm1$",
      "of ServiceAccount web asks for web.itfarm1 and is refused",
      "nothing of it is left",
    ],
  ];
  let position = 0;
  for (const text of steps.flat()) {
    expect(said.slice(position), `${text}, in this order`).toContain(text);
    position = said.indexOf(text, position);
  }
  expect(said, "no colours where they were not wanted").not.toContain("\u001b[");
});

test("Ctrl-C in the middle of the tour ends it, and its servers", { timeout: 180_000 }, async () => {
  // Once it has begun to tell: before that nobody listens to the signal yet.
  const begun = 'until grep -q "^1 " "$OUT" || ! kill -0 $PID; do sleep 0.2; done';
  const script = `OUT=$(mktemp); node test/demo/demo.ts > "$OUT" & PID=$!; ${begun}; kill -INT $PID; wait $PID; echo "ended with $?"; rm "$OUT"`;
  expect(await run("bash", ["-c", `cd "${ROOT}" && set -m; ${script}`])).toContain("ended with 0");
});

const isAtHand = existsSync("/usr/bin/ldapsearch") && (await findKubectl()) !== undefined;

test.skipIf(!isAtHand)("the commands that it prints at its end do what they are for", { timeout: 300_000 }, async () => {
  const over = 'until grep -q "grep ^serverfarm_" "$OUT" || ! kill -0 $PID; do sleep 0.5; done';
  const printed = `sed -n '/It is all yours/,$p' "$OUT" | grep '^  ' > "$OUT.sh"`;
  const script = `OUT=$(mktemp); node test/demo/demo.ts > "$OUT" & PID=$!; ${over}; ${printed}; bash -e "$OUT.sh" 2>&1; echo "they end with $?"; kill -INT $PID; wait $PID; rm "$OUT" "$OUT.sh"`;
  const said = await run("bash", ["-c", `cd "${ROOT}" && set -m; ${script}`]);
  // The table of kubectl get.
  expect(said).toMatch(/^itfarm1 +/m);
  for (const text of ["itfarm1 created", "Name:         itfarm1", "dn: OU=Farms,DC=contoso,DC=com", "serverfarm_", "they end with 0"])
    expect(said).toContain(text);
});
