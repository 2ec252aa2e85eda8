/** Keeps a deleted farm until what it owns in the directory is gone. */
export const FARM_FINALIZER = "serverfarm.dev/decommission";
/** The annotation that, when it is "true", lets a deleted farm go and leaves the directory as it is. */
export const ABANDON = "serverfarm.dev/abandon";
/** The annotation that, when it is the farm's uid, lets its end begin whatever the domain's deletion budget says. */
export const CONFIRM_DELETION = "serverfarm.dev/confirm-deletion";
/** Keeps a deleted domain while farms name it. */
export const DOMAIN_FINALIZER = "serverfarm.dev/in-use";
/** The annotation that lets as many computers lose the right as it says, which hosts.search does not find any more. */
export const CONFIRM_REMOVAL = "serverfarm.dev/confirm-removal";
/** The annotation with the objectGUID of the container that hosts.search is to mean from now on. */
export const CONFIRM_CONTAINER = "serverfarm.dev/confirm-container";
/** The annotation with the objectGUID of the account that is to be deleted and created again under its name. */
export const RECREATE_ACCOUNT = "serverfarm.dev/recreate-account";
/** The annotation with a value that status.lastHandledReconcileRequest repeats once the farm was looked at. */
export const RECONCILE_REQUESTED = "serverfarm.dev/reconcile-requested-at";
/** Those that a farm is looked at for when one of them changes. */
export const FARM_ANNOTATIONS = [RECONCILE_REQUESTED, ABANDON, CONFIRM_DELETION, CONFIRM_REMOVAL, CONFIRM_CONTAINER, RECREATE_ACCOUNT];
