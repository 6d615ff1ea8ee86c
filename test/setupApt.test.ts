import { describe, expect, it } from 'vitest';
import { backportsSources, hasSuite, majors, parseSources } from '../scripts/setup/apt.mjs';

// As in the official Docker image of Debian 12.
const DEB822 = `Types: deb
# a comment between fields
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;

// As an installer from a DVD leaves it.
const LINES = `deb cdrom:[Debian GNU/Linux 12.5.0]/ bookworm main non-free-firmware
#deb http://commented.example/debian bookworm main
deb [arch=amd64,arm64 signed-by=/etc/apt/keyrings/mirror.gpg] https://mirror.example/debian/ bookworm main contrib # ours
deb-src https://mirror.example/debian/ bookworm main
`;

const KEY = `Types: deb
URIs: https://mirror.example/debian
Suites: bookworm
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEZ8AAABYJKwYBBAHaRw8BAQdA
 -----END PGP PUBLIC KEY BLOCK-----
Trusted: yes
`;

describe('apt sources', () => {
  it('reads the deb822 form', () => {
    const sources = parseSources('debian.sources', DEB822);
    expect(sources.map(({ suites }) => suites)).toEqual([
      ['bookworm', 'bookworm-updates'],
      ['bookworm-security'],
    ]);
    expect(sources[0]).toEqual({
      types: ['deb'],
      uris: ['http://deb.debian.org/debian'],
      suites: ['bookworm', 'bookworm-updates'],
      components: ['main'],
      enabled: true,
      fields: { 'Signed-By': '/usr/share/keyrings/debian-archive-keyring.gpg' },
    });
  });

  it('reads the form of one line per source, with options', () => {
    const sources = parseSources('/etc/apt/sources.list', LINES);
    expect(sources).toHaveLength(3);
    expect(sources[1]).toMatchObject({
      types: ['deb'],
      uris: ['https://mirror.example/debian/'],
      components: ['main', 'contrib'],
      fields: { Architectures: 'amd64 arm64', 'Signed-By': '/etc/apt/keyrings/mirror.gpg' },
    });
  });

  it('adds the backports suite from where the release comes from, signed by the same key', () => {
    expect(backportsSources(parseSources('debian.sources', DEB822), 'bookworm')).toBe(
      [
        'Types: deb',
        'URIs: http://deb.debian.org/debian',
        'Suites: bookworm-backports',
        'Components: main',
        'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
        '',
      ].join('\n'),
    );
  });

  it('takes no CD-ROM and no source of source code for it', () => {
    const text = backportsSources(parseSources('sources.list', LINES), 'bookworm');
    expect(parseSources('x.sources', text!)).toMatchObject([
      { types: ['deb'], uris: ['https://mirror.example/debian/'], suites: ['bookworm-backports'] },
    ]);
  });

  it('keeps a key block that is written out', () => {
    const [source] = parseSources('mirror.sources', KEY);
    const text = backportsSources([source], 'bookworm')!;
    expect(text).toContain(KEY.slice(KEY.indexOf('Signed-By:'), KEY.indexOf('Trusted')));
    expect(parseSources('again.sources', text)[0].fields).toEqual(source.fields);
  });

  it('has nothing to add where the release is not configured, or switched off', () => {
    const off = parseSources('debian.sources', `Enabled: no\n${DEB822}`);
    expect(backportsSources(off, 'bookworm')).toBeUndefined();
    expect(backportsSources(parseSources('debian.sources', DEB822), 'trixie')).toBeUndefined();
  });

  it('knows which suites are there', () => {
    const sources = parseSources('debian.sources', DEB822);
    expect(hasSuite(sources, 'bookworm-updates')).toBe(true);
    expect(hasSuite(sources, 'bookworm-backports')).toBe(false);
  });

  it('tells the version apt would install from the newest it could', () => {
    const policy = `mesa-vulkan-drivers:
  Installed: (none)
  Candidate: 22.3.6-1+deb12u1
  Version table:
     25.0.7-2~bpo12+1 100
        100 http://deb.debian.org/debian bookworm-backports/main amd64 Packages
     22.3.6-1+deb12u1 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
`;
    expect(majors(policy)).toEqual({ candidate: 22, newest: 25 });
    const installed = policy
      .replace('(none)', '1:26.1.0-1')
      .replace('22.3.6-1+deb12u1', '1:26.1.0-1')
      .replace('     22.3.6-1+deb12u1', ' *** 1:26.1.0-1');
    expect(majors(installed)).toEqual({ candidate: 26, newest: 26 });
    expect(majors('')).toEqual({ candidate: 0, newest: 0 });
  });
});
