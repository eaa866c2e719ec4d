import { describe, expect, it } from "vitest";
import {
  ACCESS,
  actsEverywhere,
  answeredBy,
  COMMAND_VERBS,
  NATS_USERS,
  OPEN_USER,
  type Access,
} from "../src/access.ts";
import { natsPermissionsOf } from "../src/nats-permissions.ts";

const usersWhere = (condition: (access: Access) => boolean) => NATS_USERS.filter((user) => condition(ACCESS[user]));
const SERVICES = ["gateway", "router", "session-tracker", "sender", "inbox"];

describe("the table of access", () => {
  it("gives each command to exactly one user that answers it", () => {
    for (const verb of COMMAND_VERBS) {
      expect([verb, NATS_USERS.filter((user) => answeredBy(user).includes(verb)).length]).toEqual([verb, 1]);
    }
  });

  it("lets the gateway alone write the inbound log, and read nothing", () => {
    expect(usersWhere(({ publishes }) => publishes.some((subject) => subject.includes(".inbound.")))).toEqual([
      "gateway",
    ]);
    expect(ACCESS.gateway).toMatchObject({ reads: [], isFollower: false, sends: [] });
    expect(ACCESS.gateway.publishes.filter((subject) => !subject.startsWith("turno.v1.inbound."))).toEqual([]);
  });

  it("lets gateway and provisioner answer the operators' tool, and nobody else", () => {
    const repliesOf = (user: (typeof NATS_USERS)[number]) =>
      natsPermissionsOf(user).publish.filter((subject) => subject.startsWith("_R."));
    const toTheTool = ["_R.cli.>", `_R.${OPEN_USER}.>`];
    expect([repliesOf("gateway"), repliesOf("provisioner")]).toEqual([toTheTool, toTheTool]);
    expect([repliesOf("router"), repliesOf("bot")]).toEqual([["_R.>"], []]);
  });

  it("lets only services change what is true: nobody else publishes an event", () => {
    const others = usersWhere(({ publishes }) => publishes.length > 0);
    expect(others.filter((user) => !SERVICES.includes(user))).toEqual([]);
  });

  it("lets the provisioner alone make streams, and gives it nothing else", () => {
    expect(usersWhere(({ provisions }) => provisions.length > 0)).toEqual(["provisioner"]);
    expect(ACCESS.provisioner).toMatchObject({ publishes: [], reads: [], isFollower: false, sends: [] });
  });

  it("lets our own services and the operators act everywhere, and nobody else, whatever the name", () => {
    const own = ["provisioner", ...SERVICES, "cli"];
    expect(NATS_USERS.filter(actsEverywhere).toSorted()).toEqual(own.toSorted());
    expect([OPEN_USER, "biller", "", "constructor", "__proto__"].filter(actsEverywhere)).toEqual([OPEN_USER]);
  });

  it("lets no other program make a consumer", () => {
    const makers = usersWhere(({ reads }) => reads.length > 0);
    expect(makers).toEqual(["router", "session-tracker", "sender", "inbox"]);
  });

  it.each(NATS_USERS)(
    "leaves %s no list empty, which the broker would take for everything, and no API as a whole",
    (user) => {
      const { publish, subscribe } = natsPermissionsOf(user);
      for (const subjects of [publish, subscribe]) expect(subjects.length).toBeGreaterThan(0);
      expect(
        [...publish, ...subscribe].filter((subject) => /^(>|\*|\$JS\.(API|ACK)\.>|turno\.(v1\.)?>)/.test(subject)),
      ).toEqual([]);
    },
  );
});
