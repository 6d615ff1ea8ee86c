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
 * The newest upstream major version in the output of `apt-cache madison PACKAGE`; 0 when none.
 * @param {string} madison
 */
export function newestMajor(madison) {
  const majors = [...madison.matchAll(/\|\s*(?:\d+:)?(\d+)[^|]*\|/g)].map((m) => Number(m[1]));
  return Math.max(0, ...majors);
}
