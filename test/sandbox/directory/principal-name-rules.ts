/** Whose service principal names are, those that another one implies included (MS-ADTS 3.1.1.5.1.3). */
import { isAdministrator, type Token } from "./access.ts";
import type { Entry } from "./database.ts";
import type { Directory } from "./directory.ts";
import type { Value } from "./schema.ts";
import { attributeSchema } from "./schema.ts";

/** As a domain has it from its first day: what a HOST/x stands for. */
export const MAPPINGS =
  "host=alerter,appmgmt,cisvc,clipsrv,browser,dhcp,dnscache,replicator,eventlog,eventsystem,policyagent,oakley,dmserver,dns,mcsvc,fax,msiserver,ias,messenger,netlogon,netman,netdde,netddedsm,nmagent,plugplay,protectedstorage,rasman,rpclocator,rpc,rpcss,remoteaccess,rsvp,samss,scardsvr,scesrv,seclogon,scm,dcom,cifs,spooler,snmp,schedule,tapisrv,trksvr,trkwks,ups,time,wins,www,http,w3svc,iisadmin,msdtc";

/** Throws LdapFailure for the first one that somebody else holds, or that another's name implies. */
export function verifyPrincipalNames(directory: Directory, token: Token, entry: Entry | undefined, values: readonly Value[]): void {
  const holders = (name: string): readonly Entry[] =>
    [...(directory.database.lookUp("servicePrincipalName", name.toLowerCase()) ?? [])].filter((held) => held !== entry && !held.deleted);
  for (const value of values.map(String)) {
    if (holders(value).length > 0) throw directory.refuse("SpnInUse", "servicePrincipalName", value);
    const [service = "", host = "", ...more] = value.split("/");
    if (more.length > 0) continue;
    const aliases = aliasesOf(directory, "host");
    // Whoever takes HOST/x takes all that it stands for. Samba asks nobody's rights here, and says only that it will not.
    if (service.toLowerCase() === "host") {
      const held = [...aliases].flatMap((alias) => holders(`${alias}/${host}`));
      if (held.length > 0 && !exempt(directory, token, undefined)) throw directory.refuse("AliasesInUse", entry ? "MODIFY" : "ADD");
    }
    if (aliases.has(service.toLowerCase())) {
      const held = holders(`host/${host}`);
      if (held.some((holder) => !exempt(directory, token, holder))) throw directory.refuse("AliasInUse", "servicePrincipalName", value);
    }
  }
}

/** On Samba whoever may write the names of the other object as well, administrators among them; on Windows administrators. */
function exempt(directory: Directory, token: Token, holder: Entry | undefined): boolean {
  if (directory.settings.dialect === "Windows") return isAdministrator(token);
  return holder !== undefined && directory.access.allows(token, "WP", holder, attributeSchema("servicePrincipalName")?.guid);
}

function aliasesOf(directory: Directory, service: string): ReadonlySet<string> {
  const settings = directory.database.resolve(`CN=Directory Service,CN=Windows NT,CN=Services,CN=Configuration,${directory.baseDn}`);
  const all = (settings?.attributes.get("spnmappings") ?? []).map(String).filter((line) => line.startsWith(`${service}=`));
  return new Set(all.flatMap((line) => line.slice(service.length + 1).split(",")));
}
