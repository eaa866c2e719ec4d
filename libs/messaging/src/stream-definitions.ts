import { EVENT_SUBJECTS, INBOUND_SUBJECTS, STREAMS } from "@turno/contracts";

const NANOSECONDS_PER_MS = 1_000_000;
const DAY_MS = 24 * 60 * 60 * 1000;
const MIB = 1024 * 1024;

/** The oldest server that knows `persist_mode` and `allow_atomic`. */
const VERSION_MIN = [2, 12] as const;

/** The largest message of `INBOUND`; headers count. Our servers are set to take 8 MiB (`max_payload`). */
export const INBOUND_MESSAGE_BYTES_MAX = 8 * MIB - 64 * 1024;

export type Setting = string | number | boolean | readonly string[];

/**
 * A stream as we ask for it, in the words of the JetStream API; durations are nanoseconds. Other settings are left
 * alone.
 */
export interface StreamDefinition {
  name: string;
  settings: Readonly<Record<string, Setting>>;
  /**
   * Settings that a server takes only when it creates the stream, from the given version on, and for a single replica.
   * To get more replicas, such a stream is deleted and created without them: only for what can be filled again.
   */
  settingsAtCreation?: VersionedSettings;
  /** Settings of a stream with several replicas, which an older server does not know. */
  settingsReplicated?: VersionedSettings;
}

interface VersionedSettings {
  versionMin: readonly [number, number];
  settings: Readonly<Record<string, Setting>>;
}

/**
 * Holds what Meta sent, for longer than Meta resends it (7 days). A full stream refuses, so that nothing unread is
 * deleted.
 */
export const INBOUND_STREAM: StreamDefinition = {
  name: STREAMS.inbound,
  settings: {
    subjects: [INBOUND_SUBJECTS],
    retention: "limits",
    storage: "file",
    discard: "new",
    max_age: 8 * DAY_MS * NANOSECONDS_PER_MS,
    // Records carry no id, because Postgres decides what is a repetition: a longer window would only cost memory.
    duplicate_window: 10_000 * NANOSECONDS_PER_MS,
    max_msg_size: INBOUND_MESSAGE_BYTES_MAX,
  },
};

/**
 * Holds what happened here. It need not sync each message, because the relay publishes again what a power cut took.
 * When it is full, it drops its oldest events. With several replicas it syncs, which then costs less.
 */
export const EVENTS_STREAM: StreamDefinition = {
  name: STREAMS.events,
  settings: {
    subjects: [EVENT_SUBJECTS],
    retention: "limits",
    storage: "file",
    discard: "old",
    max_age: 30 * DAY_MS * NANOSECONDS_PER_MS,
    // The sequence that each batch names keeps repetitions out. The server may remember an id of a batch that it lost with its
    // leader, and refuses that id, and so all events, for as long as this.
    duplicate_window: 2_000 * NANOSECONDS_PER_MS,
  },
  settingsAtCreation: { versionMin: VERSION_MIN, settings: { persist_mode: "async" } },
  // The relay's order is kept by batches there.
  settingsReplicated: { versionMin: VERSION_MIN, settings: { allow_atomic: true } },
};
