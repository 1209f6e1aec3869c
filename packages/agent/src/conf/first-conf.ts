/** The first ossec.conf of a home that has none: what is known of the manager, and what most hosts want watched. In go the flags, out comes the text; pure. */
import type { AgentFlags } from '../flags.ts'

const ports = { channel: 1514, enrol: 1515 }

/** The whole file. */
export function firstConf({
  manager = '',
  port,
  portEnrol,
  passwordFile,
  tokenFile,
  groups,
  name,
}: AgentFlags): string {
  const enrollment = [
    element('port', portEnrol === undefined || portEnrol === ports.enrol ? undefined : String(portEnrol)),
    element('agent_name', name),
    element('groups', groups.length === 0 ? undefined : groups.join(',')),
    element('authorization_pass_path', passwordFile),
    element('kubernetes_token_path', tokenFile),
  ].join('')
  return `<!-- Written by the first start of the agent; it is yours to edit. SIGHUP makes the agent read it anew. -->
<ossec_config>
  <client>
    <server>
      <address>${manager.replace(/[<\\]/g, '')}</address>
      <port>${port ?? ports.channel}</port>
    </server>
${enrollment === '' ? '' : `    <enrollment>\n${enrollment}    </enrollment>\n`}  </client>

  <!-- Files that are watched. whodata="yes" in place of realtime="yes" tells who changed them. -->
  <syscheck>
    <directories realtime="yes">/etc,/usr/bin,/usr/sbin,/bin,/sbin,/boot</directories>
    <ignore>/etc/mtab</ignore>
    <ignore>/etc/adjtime</ignore>
    <ignore type="sregex">.log$|.swp$</ignore>
    <nodiff>/etc/ssl/private</nodiff>
  </syscheck>

  <!-- Logs that are read, as far as they are there. -->
  <localfile>
    <location>/var/log/auth.log</location>
    <log_format>syslog</log_format>
  </localfile>
  <localfile>
    <location>/var/log/secure</location>
    <log_format>syslog</log_format>
  </localfile>
  <localfile>
    <location>/var/log/syslog</location>
    <log_format>syslog</log_format>
  </localfile>
  <localfile>
    <location>/var/log/messages</location>
    <log_format>syslog</log_format>
  </localfile>
</ossec_config>
`
}

/** A value with a mark of the XML dialect is left out: it would have to be said again as a flag. */
function element(name: string, value: string | undefined): string {
  return value === undefined || /[<\\]/.test(value) ? '' : `      <${name}>${value}</${name}>\n`
}
