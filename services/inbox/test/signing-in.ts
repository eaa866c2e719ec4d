/** A browser without a screen: it follows redirects, keeps cookies, and reaches the public address at the inbox. */
export class WebClient {
  readonly #cookies = new Map<string, Map<string, string>>();
  readonly #publicUrl: string;
  readonly #inboxUrl: string;
  /** Each `set-cookie` of the inbox, as it came. */
  readonly given: string[] = [];

  constructor(publicUrl: string, inboxUrl: string) {
    this.#publicUrl = publicUrl;
    this.#inboxUrl = inboxUrl;
  }

  /** The same browser, to which another replica answers. */
  at(inboxUrl: string): WebClient {
    const other = new WebClient(this.#publicUrl, inboxUrl);
    for (const [origin, cookies] of this.#cookies) other.#cookies.set(origin, cookies);
    return other;
  }

  cookie(name: string): string | undefined {
    return this.#jar(this.#publicUrl).get(name);
  }

  setCookie(name: string, value: string): void {
    this.#jar(this.#publicUrl).set(name, value);
  }

  #jar(address: string): Map<string, string> {
    const { origin } = new URL(address);
    const jar = this.#cookies.get(origin) ?? new Map<string, string>();
    this.#cookies.set(origin, jar);
    return jar;
  }

  /** Asks once. A path is the inbox's. */
  async ask(
    address: string,
    form?: Record<string, string>,
  ): Promise<{ status: number; text: string; location: string }> {
    const url = new URL(address, this.#publicUrl);
    const isInbox = url.origin === this.#publicUrl;
    const jar = this.#jar(url.href);
    const headers = {
      cookie: [...jar].map(([name, value]) => `${name}=${value}`).join("; "),
      ...(form === undefined ? {} : { origin: url.origin, "content-type": "application/x-www-form-urlencoded" }),
    };
    const response = await fetch(isInbox ? `${this.#inboxUrl}${url.pathname}${url.search}` : url, {
      redirect: "manual",
      headers,
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) {
      if (isInbox) this.given.push(line);
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "" || /max-age=0|1970/i.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    const location = response.headers.get("location");
    const text = await response.text();
    return { status: response.status, text, location: location === null ? "" : new URL(location, url).href };
  }

  /** Begins to sign in and says who it is at the issuer. Returns with what address the issuer sends it back. */
  async vouch(issuer: string, login: string, to = "/console"): Promise<string> {
    let { location } = await this.ask(`/sign-in/${issuer}?${new URLSearchParams({ to }).toString()}`);
    for (let hop = 0; hop < 10 && !location.startsWith(this.#publicUrl); hop++) {
      const isForm = location.includes("/interaction/");
      ({ location } = await this.ask(location, isForm ? { login } : undefined));
    }
    return location;
  }

  async signIn(issuer: string, login: string, to?: string) {
    return this.ask(await this.vouch(issuer, login, to));
  }
}
