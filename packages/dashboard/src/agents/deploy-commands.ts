/** The commands that put an agent on a host or on the nodes of a cluster (docs/agents-deploy.md has them with explanations). */

export interface Wanted {
  readonly manager: string
  /** Empty: the host's own name. */
  readonly name: string
  /** With commas; empty: default. */
  readonly groups: string
}

/** An argument as a shell takes it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** Whether a name may stand in a command: host name or address. */
export function isHost(text: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,253}[A-Za-z0-9])?$/.test(text)
}

export function hostCommands({ manager, name, groups }: Wanted): string {
  const more = [name === '' ? '' : `--name ${shellWord(name)}`, groups === '' ? '' : `--group ${shellWord(groups)}`]
    .filter((part) => part !== '')
    .map((part) => ` ${part}`)
    .join('')
  return [
    '# in a checkout of Dogwatch on the host to watch',
    `scp ${shellWord(manager)}:dogwatch/var/etc/authd.pass .`,
    `sudo bin/dogwatch agent --manager ${shellWord(manager)} --password-file authd.pass${more}`,
  ].join('\n')
}

export function serviceCommands(): string {
  return [
    'sudo cp deploy/systemd/dogwatch-agent.service /etc/systemd/system/',
    'sudo systemctl daemon-reload',
    'sudo systemctl enable --now dogwatch-agent',
  ].join('\n')
}

export function clusterCommands({ manager }: Wanted): string {
  const registry = 'registry.example'
  return [
    `docker build -f deploy/agent/Containerfile -t ${registry}/dogwatch-agent:0.1.0 .`,
    `docker push ${registry}/dogwatch-agent:0.1.0`,
    `sed -e 's/MANAGER/${manager}/' -e 's#IMAGE#${registry}#' deploy/kubernetes/agent.yaml > agent.yaml`,
    'kubectl create namespace dogwatch',
    'kubectl -n dogwatch create secret generic dogwatch-agent --from-file=password=var/etc/authd.pass',
    'kubectl apply -f agent.yaml',
    'kubectl -n dogwatch rollout status daemonset/dogwatch-agent',
  ].join('\n')
}

/** An unmodified Wazuh agent that is installed already. */
export function wazuhCommands({ manager }: Wanted): string {
  return [
    `sudo sed -i 's#<address>.*</address>#<address>${manager}</address>#' /var/ossec/etc/ossec.conf`,
    'sudo cp authd.pass /var/ossec/etc/authd.pass',
    'sudo systemctl restart wazuh-agent',
  ].join('\n')
}
