/**
 * One source of packages as apt is configured with it. `fields` are the other fields of the deb822
 * form (Signed-By, Architectures, …), verbatim: a key block spans several lines.
 * @typedef {{types: string[], uris: string[], suites: string[], components: string[], enabled: boolean, fields: Record<string, string>}} Source
 */

const OPTIONS = new Map([
  ['arch', 'Architectures'],
  ['signed-by', 'Signed-By'],
  ['trusted', 'Trusted'],
  ['lang', 'Languages'],
  ['check-valid-until', 'Check-Valid-Until'],
]);

/**
 * Reads a file of apt's: deb822 form for `*.sources`, one line per source otherwise.
 * @param {string} name file name
 * @param {string} text
 * @returns {Source[]}
 */
export function parseSources(name, text) {
  return name.endsWith('.sources') ? parseDeb822(text) : parseLines(text);
}

/**
 * @param {string} text
 * @returns {Source[]}
 */
function parseDeb822(text) {
  const uncommented = text.replace(/^#.*(\n|$)/gm, '');
  return uncommented.split(/\n[ \t]*\n/).flatMap((stanza) => {
    const entries = [...stanza.matchAll(/^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)/gm)];
    const all = new Map(entries.map(([, key, value]) => [key.toLowerCase(), value.trimEnd()]));
    if (!all.has('uris')) return [];
    const words = (/** @type {string} */ key) => (all.get(key) ?? '').split(/\s+/).filter(Boolean);
    const known = ['types', 'uris', 'suites', 'components', 'enabled'];
    const fields = entries.filter(
      ([, key]) => !known.includes(key.toLowerCase()) && !/^x-/i.test(key),
    );
    return {
      types: words('types'),
      uris: words('uris'),
      suites: words('suites'),
      components: words('components'),
      enabled: !/^(no|false|0)$/i.test(all.get('enabled') ?? 'yes'),
      fields: Object.fromEntries(fields.map(([, key, value]) => [key, value.trimEnd()])),
    };
  });
}

/**
 * @param {string} text
 * @returns {Source[]}
 */
function parseLines(text) {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (!match) return [];
    const [, type, options = '', uri, suite, components] = match;
    const fields = options.split(/\s+/).flatMap((option) => {
      const [key, value] = option.split(/=(.*)/);
      const field = OPTIONS.get(key);
      return field ? [[field, value.replaceAll(',', ' ')]] : [];
    });
    return {
      types: [type],
      uris: [uri],
      suites: [suite],
      components: components.split(/\s+/).filter(Boolean),
      enabled: true,
      fields: Object.fromEntries(fields),
    };
  });
}

/**
 * Whether a suite is configured already.
 * @param {readonly Source[]} sources
 * @param {string} suite e.g. `bookworm-backports`
 */
export function hasSuite(sources, suite) {
  return sources.some((s) => s.enabled && s.types.includes('deb') && s.suites.includes(suite));
}

/**
 * A `.sources` file that adds a backports suite from where the release itself comes from, or
 * undefined when the release is not configured.
 * @param {readonly Source[]} sources
 * @param {string} codename e.g. `bookworm`
 */
export function backportsSources(sources, codename) {
  const release = sources.find(
    (s) =>
      s.enabled &&
      s.types.includes('deb') &&
      s.suites.includes(codename) &&
      s.components.includes('main') &&
      !s.uris.every((uri) => uri.startsWith('cdrom:')),
  );
  if (!release) return undefined;
  return [
    'Types: deb',
    `URIs: ${release.uris.filter((uri) => !uri.startsWith('cdrom:')).join(' ')}`,
    `Suites: ${codename}-backports`,
    'Components: main',
    ...Object.entries(release.fields).map(([key, value]) =>
      `${key}: ${value}`.replace(': \n', ':\n'),
    ),
    '',
  ].join('\n');
}

/**
 * The upstream major versions of a package that apt could install, and of the one that it would;
 * 0 when there is none. A backports suite has only the former unless it is asked for.
 * @param {string} policy output of `apt-cache policy PACKAGE` in the C locale
 */
export function majors(policy) {
  const table = policy.slice(policy.indexOf('Version table:'));
  const lines = [...table.matchAll(/^ (?:\*\*\*| {3}) (\S+) -?\d+$/gm)].map((m) => majorOf(m[1]));
  return {
    newest: Math.max(0, ...lines),
    candidate: majorOf(/^ {2}Candidate: (\S+)/m.exec(policy)?.[1] ?? ''),
  };
}

/** @param {string} version as in `1:25.0.7-2~bpo12+1` */
function majorOf(version) {
  return Number(/^(?:\d+:)?(\d+)/.exec(version)?.[1] ?? 0);
}
