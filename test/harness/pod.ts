/** What a node does with the operator's Deployment, where nothing runs pods: its containers, with their files, their user and their credentials. */
import { chmod, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { z } from "zod";
import type { Cluster } from "./cluster.ts";
import { containerCommand, type ImageConfig } from "./image.ts";
import { SYSTEM } from "./manifests.ts";
import { Operator } from "./operator.ts";
import { run } from "./process.ts";

const NAME = "serverfarm-operator";
const DIRECTORY = "/etc/serverfarm-operator";
const COMPILED = "/var/cache/serverfarm-operator";
const CREDENTIALS = "/var/run/secrets/kubernetes.io/serviceaccount";

const deployment = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({
        serviceAccountName: z.string(),
        securityContext: z.object({ runAsUser: z.number(), runAsGroup: z.number() }),
        initContainers: z.tuple([
          z.object({
            image: z.string(),
            args: z.array(z.string()),
            env: z.tuple([z.object({ name: z.string(), value: z.literal(COMPILED) })]),
            volumeMounts: z.tuple([z.object({ mountPath: z.literal(COMPILED) })]),
          }),
        ]),
        containers: z.tuple([
          z.object({
            image: z.string(),
            args: z.array(z.string()),
            volumeMounts: z.tuple([
              z.object({ mountPath: z.literal(DIRECTORY) }),
              z.object({ mountPath: z.literal(COMPILED), readOnly: z.literal(true) }),
            ]),
          }),
        ]),
        volumes: z.tuple([z.object({ configMap: z.object({ name: z.string() }) }), z.object({ emptyDir: z.object({}) })]),
      }),
    }),
  }),
});
const configMap = z.object({ data: z.record(z.string(), z.string()) });

export interface Pod {
  readonly image: string;
  readonly operator: Operator;
  /** The folder with what its init container compiled. */
  readonly compiled: string;
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
  folders: { readonly configuration: string; readonly account: string; readonly compiled?: string },
): readonly string[] {
  const { hostname, port } = new URL(cluster.server);
  return containerCommand(
    files,
    image,
    {
      [DIRECTORY]: folders.configuration,
      [CREDENTIALS]: folders.account,
      ...(folders.compiled === undefined ? {} : { [COMPILED]: folders.compiled }),
    },
    {
      POD_NAME: `${NAME}-0`,
      POD_NAMESPACE: SYSTEM,
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      ...(folders.compiled === undefined ? {} : { NODE_COMPILE_CACHE: COMPILED }),
    },
  );
}

/** Runs the Deployment that is in the cluster; `files` are those of its image. */
export async function startDeployment(cluster: Cluster, files: string, image: ImageConfig["config"], dir: string): Promise<Pod> {
  const pod = deployment.parse(await cluster.get("Deployment", NAME, SYSTEM)).spec.template.spec;
  const [[init], [container]] = [pod.initContainers, pod.containers];
  const { data } = configMap.parse(await cluster.get("ConfigMap", pod.volumes[0].configMap.name, SYSTEM));
  const configuration = `${dir}/configuration`;
  await mkdir(configuration, { mode: 0o755 });
  // A pod has its ports for itself; here they are free ones.
  for (const [name, text] of Object.entries(data))
    await writeFile(`${configuration}/${name}`, text.replaceAll(/"?\[::\]:80\d\d"?/g, '"127.0.0.1:0"'));
  const account = await credentials(cluster, dir, pod.serviceAccountName);
  const { runAsUser, runAsGroup } = pod.securityContext;
  const config = { ...image, User: `${runAsUser}:${runAsGroup}`, Cmd: container.args };
  const compiled = `${dir}/compiled`;
  await mkdir(compiled);
  // As the kubelet makes such a volume.
  await chmod(compiled, 0o777);
  const [{ name, value }] = init.env;
  const [program = "", ...args] = containerCommand(files, { ...config, Cmd: init.args }, {}, { [name]: value }, { [COMPILED]: compiled });
  await run(program, args);
  const operator = await Operator.start({
    kubeconfig: "",
    command: () => podCommand(cluster, files, config, { configuration, account, compiled }),
  });
  return { image: container.image, operator, compiled };
}
