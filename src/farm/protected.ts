/** What is said of an object that must never be touched. */
import { ADMIN_COUNT, type DirectoryObject } from "../ad/object.ts";
import { clearAdminCount } from "../ad/remedy.ts";

/** `own`: the farm's marker; what bears it was the farm's before it was protected, and need not be given up. */
export function protectedMessage({ distinguishedName, protection, owner }: DirectoryObject, what: string, own?: string): string {
  if (own !== undefined && owner === own && protection === ADMIN_COUNT)
    return `${distinguishedName} is this farm's and must not be managed as it is: ${protection}. To have it managed again, ${clearAdminCount(distinguishedName)}; the farm then continues automatically.`;
  return `${distinguishedName} must never be managed: ${protection}. Choose another name for the ${what}.`;
}
