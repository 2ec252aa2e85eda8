-- Health of ServerFarm and ActiveDirectoryDomain for Argo CD: both speak in the same conditions.
-- In argocd-cm, under resource.customizations.health.serverfarm.dev_ServerFarm and resource.customizations.health.serverfarm.dev_ActiveDirectoryDomain.
local health = { status = "Progressing", message = "waiting for the operator" }
local status = obj.status
if obj.metadata.deletionTimestamp ~= nil then
  health.message = "being deleted"
end
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = "Healthy"
    elseif condition.reason == "Suspended" then
      health.status = "Suspended"
    end
  end
end
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Stalled" and condition.status == "True" then
    health.status = "Degraded"
    health.message = condition.message
  end
end
return health
