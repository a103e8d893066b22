import { acquireDocker } from './docker.ts'
import { runCommand } from './command.ts'
import { ClusterError } from './errors.ts'
import type { PushedImage } from './image-push.ts'
import { ensureImage, type ImageRecipe } from './images.ts'
import type { Progress } from './progress.ts'
import { requireCommand } from './tools.ts'

/**
 * Pushes an image with the docker command, and so with its log-ins, to a registry that is not ours, and gives the name by its digest.
 * @throws ClusterError `CommandFailed` with docker's own message
 */
export async function pushToForeignRegistry(image: ImageRecipe | string, registry: string, progress: Progress): Promise<PushedImage> {
  const docker = requireCommand('docker', 'install the docker command, which knows your log-in to the registry')
  await using lease = await acquireDocker({ progress })
  const local = typeof image === 'string' ? image : await ensureImage(image, { progress, docker: lease })
  const [name = 'image', tag = 'latest'] = (local.split('/').at(-1) ?? local).split(':')
  const target = `${registry.replace(/\/+$/, '')}/${name}`
  const env = { ...process.env, ...lease.env }
  return await progress.step(`image ${target}:${tag}: push`, async () => {
    await runCommand(docker, ['tag', local, `${target}:${tag}`], { env })
    const output = await runCommand(docker, ['push', `${target}:${tag}`], { env })
    const digest = /digest: (?<digest>sha256:[0-9a-f]{64})/.exec(output)?.groups?.['digest']
    if (digest === undefined)
      throw new ClusterError('CommandFailed', `docker push told no digest for ${target}:${tag}`, { details: output })
    return { reference: `${target}@${digest}`, digest }
  })
}
