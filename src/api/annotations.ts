/** Keeps a deleted farm until what it owns in the directory is gone. */
export const FARM_FINALIZER = "serverfarm.dev/decommission";
/** The annotation that, when it is "true", lets a deleted farm go and leaves the directory as it is. */
export const ABANDON = "serverfarm.dev/abandon";
/** The annotation that, when it is the farm's uid, lets its end begin whatever the domain's deletion budget says. */
export const CONFIRM_DELETION = "serverfarm.dev/confirm-deletion";
/** Keeps a deleted domain while farms name it. */
export const DOMAIN_FINALIZER = "serverfarm.dev/in-use";
