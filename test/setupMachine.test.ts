import { describe, expect, it } from 'vitest';
import { advice, parseRelease, ways } from '../scripts/setup/machine.mjs';

const debian = parseRelease(`PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
VERSION_ID="12"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
`);
const mint = parseRelease(`ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME='wilma'\n`);
const fedora = parseRelease('ID=fedora\nVERSION_ID=42\n');
const rocky = parseRelease('ID="rocky"\nID_LIKE="rhel centos fedora"\n');

const linux = {
  platform: 'linux',
  arch: 'x64',
  glibc: true,
  root: false,
  apt: true,
  release: debian,
};
const root = { ...linux, root: true };

describe('os-release', () => {
  it('is read with and without quotes', () => {
    expect(debian).toMatchObject({ ID: 'debian', VERSION_CODENAME: 'bookworm', VERSION_ID: '12' });
    expect(mint).toEqual({
      ID: 'linuxmint',
      ID_LIKE: 'ubuntu debian',
      VERSION_CODENAME: 'wilma',
    });
  });
});

describe('ways to a WebGPU adapter', () => {
  it.each([
    ['root on Debian', root, ['mesa', 'swiftshader']],
    ['root on a relative of Ubuntu', { ...root, release: mint }, ['mesa', 'swiftshader']],
    [
      'root on Debian for ARM, where SwiftShader is not built',
      { ...root, arch: 'arm64' },
      ['mesa'],
    ],
    ['a user on Debian', linux, ['swiftshader']],
    ['a user on Debian for ARM', { ...linux, arch: 'arm64' }, []],
    ['root on Fedora', { ...root, apt: false, release: fedora }, ['swiftshader']],
    ['root on Alpine, without glibc', { ...root, glibc: false, apt: false }, []],
    ['a Mac', { ...linux, platform: 'darwin', arch: 'arm64', apt: false, release: {} }, []],
    ['Windows', { ...linux, platform: 'win32', apt: false, release: {} }, []],
  ])('%s', (_, machine, expected) => {
    expect(ways(machine)).toEqual(expected);
  });
});

describe('advice', () => {
  it.each([
    ['Debian', linux, /^sudo \/opt\/node scripts\/setup\/mesa.mjs$/],
    ['Debian as root', root, /^\/opt\/node scripts\/setup\/mesa.mjs$/],
    ['Rocky', { ...linux, apt: false, release: rocky }, 'sudo dnf install mesa-vulkan-drivers'],
    ['Arch', { ...linux, apt: false, release: { ID: 'arch' } }, 'sudo pacman -S vulkan-swrast'],
    ['openSUSE', { ...linux, apt: false, release: { ID: 'opensuse-leap' } }, 'sudo zypper install'],
    ['an unknown Linux', { ...linux, apt: false, release: { ID: 'nixos' } }, 'package manager'],
    ['Alpine', { ...linux, glibc: false, apt: false }, 'glibc'],
    ['macOS', { ...linux, platform: 'darwin' }, 'Metal'],
    ['Windows', { ...linux, platform: 'win32' }, 'Direct3D 12'],
    ['FreeBSD', { ...linux, platform: 'freebsd' }, 'freebsd'],
  ])('on %s', (_, machine, expected) => {
    expect(advice(machine, '/opt/node')).toMatch(expected);
  });
});
