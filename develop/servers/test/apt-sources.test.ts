import { describe, expect, it } from "vitest";
import { findDebianSource, writeTestingSource } from "../src/apt-sources.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

const thirdParties = [
  { name: "docker.list", text: "deb [arch=amd64] https://download.docker.com/linux/debian bookworm stable\n" },
  { name: "pgdg.list", text: "deb https://apt.postgresql.org/pub/repos/apt bookworm-pgdg main\n" },
  {
    name: "node.sources",
    text: "Types: deb\nURIs: https://packages.example.org/tools\nSuites: nodistro\nComponents: main\n",
  },
];

describe("the machine's Debian source", () => {
  it("is found in the deb822 form, past third parties and the security suite", () => {
    const text = `Types: deb
# a snapshot was here
URIs: http://security.example.org/debian-security
Suites: bookworm-security
Components: main
Signed-By: ${KEYRING}

Types: deb
URIs: http://mirror.example.org/debian
  http://other.example.org/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: ${KEYRING}
`;
    const source = findDebianSource([...thirdParties, { name: "debian.sources", text }], "bookworm");
    expect(source).toEqual({
      uris: ["http://mirror.example.org/debian", "http://other.example.org/debian"],
      signedBy: KEYRING,
    });
  });

  it("is found in the one-line form, with and without options", () => {
    const plain =
      "# deb http://off.example.org/debian bookworm main\ndeb http://mirror.example.org/debian/ bookworm main\n";
    const signed = `deb [arch=amd64 signed-by=${KEYRING}] https://mirror.example.org/debian bookworm main # ours\n`;
    expect(findDebianSource([{ name: "sources.list", text: plain }], "bookworm")).toEqual({
      uris: ["http://mirror.example.org/debian/"],
      signedBy: null,
    });
    expect(findDebianSource([{ name: "sources.list", text: signed }], "bookworm")).toEqual({
      uris: ["https://mirror.example.org/debian"],
      signedBy: KEYRING,
    });
  });

  it("is not a third party's and not one that is switched off", () => {
    const off = `Enabled: no\nTypes: deb\nURIs: http://mirror.example.org/debian\nSuites: bookworm\nComponents: main\n`;
    expect(findDebianSource([...thirdParties, { name: "debian.sources", text: off }], "bookworm")).toBeNull();
  });

  it("is written again with the suite set to testing, and only main", () => {
    expect(writeTestingSource({ uris: ["http://mirror.example.org/debian"], signedBy: KEYRING })).toBe(
      `Types: deb\nURIs: http://mirror.example.org/debian\nSuites: testing\nComponents: main\nSigned-By: ${KEYRING}\n`,
    );
  });
});
