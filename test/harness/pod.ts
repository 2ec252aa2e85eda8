/** What a node does with the operator's Deployment, where nothing runs pods: its container, with its files, its user and its credentials. */
import { chmod, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { z } from "zod";
import type { Cluster } from "./cluster.ts";
import { containerCommand, type ImageConfig } from "./image.ts";
import { SYSTEM } from "./manifests.ts";
import { Operator } from "./operator.ts";

const NAME = "serverfarm-operator";
const DIRECTORY = "/etc/serverfarm-operator";
const CREDENTIALS = "/var/run/secrets/kubernetes.io/serviceaccount";

const deployment = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({
        serviceAccountName: z.string(),
        securityContext: z.object({ runAsUser: z.number(), runAsGroup: z.number() }),
        containers: z.tuple([
          z.object({
            image: z.string(),
            args: z.array(z.string()),
            volumeMounts: z.tuple([z.object({ mountPath: z.literal(DIRECTORY) })]),
          }),
        ]),
        volumes: z.tuple([z.object({ configMap: z.object({ name: z.string() }) })]),
      }),
    }),
  }),
});
const configMap = z.object({ data: z.record(z.string(), z.string()) });

export interface Pod {
  readonly image: string;
  readonly operator: Operator;
}

/** A folder with what a pod finds as its account's credentials. */
export async function credentials(cluster: Cluster, dir: string, account = NAME): Promise<string> {
  const folder = await mkdtemp(`${dir}/account-`);
  await writeFile(`${folder}/token`, await cluster.serviceAccountToken(SYSTEM, account));
  await writeFile(`${folder}/ca.crt`, cluster.ca);
  await writeFile(`${folder}/namespace`, SYSTEM);
  await chmod(folder, 0o755);
  return folder;
}

/** A container of the image, with the operator's configuration from a folder. */
export function podCommand(
  cluster: Cluster,
  files: string,
  image: ImageConfig["config"],
  folders: { readonly configuration: string; readonly account: string },
): readonly string[] {
  const { hostname, port } = new URL(cluster.server);
  return containerCommand(
    files,
    image,
    { [DIRECTORY]: folders.configuration, [CREDENTIALS]: folders.account },
    { POD_NAME: `${NAME}-0`, POD_NAMESPACE: SYSTEM, KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port },
  );
}

/** Runs the Deployment that is in the cluster; `files` are those of its image. */
export async function startDeployment(cluster: Cluster, files: string, image: ImageConfig["config"], dir: string): Promise<Pod> {
  const pod = deployment.parse(await cluster.get("Deployment", NAME, SYSTEM)).spec.template.spec;
  const [container] = pod.containers;
  const { data } = configMap.parse(await cluster.get("ConfigMap", pod.volumes[0].configMap.name, SYSTEM));
  const configuration = `${dir}/configuration`;
  await mkdir(configuration, { mode: 0o755 });
  // A pod has its ports for itself; here they are free ones.
  for (const [name, text] of Object.entries(data))
    await writeFile(`${configuration}/${name}`, text.replaceAll(/"?\[::\]:80\d\d"?/g, '"127.0.0.1:0"'));
  const account = await credentials(cluster, dir, pod.serviceAccountName);
  const { runAsUser, runAsGroup } = pod.securityContext;
  const config = { ...image, User: `${runAsUser}:${runAsGroup}`, Cmd: container.args };
  const operator = await Operator.start({
    kubeconfig: "",
    command: () => podCommand(cluster, files, config, { configuration, account }),
  });
  return { image: container.image, operator };
}
