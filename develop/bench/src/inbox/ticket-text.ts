import { createRandom, type Random } from "@turno/simulator";

/** Words in the order of how often they are said: those of help desks first, as in help desks. */
const FREQUENT: Record<Language, string> = {
  es: "de la que el no factura pedido en y mi por un con para una se los cuenta pago envío señal teléfono dirección está año más línea contraseña reclamación avería devolución cancelación mañana también después número razón",
  pt: "de que não o fatura pedido a em e meu por um com para uma se os conta pagamento entrega sinal telefone endereço está ano mais linha senha reclamação avaria devolução cancelamento amanhã também depois número situação coração",
  en: "the to and invoice order my is not of in it for with was account payment delivery signal phone address again year more line password complaint fault refund cancellation tomorrow also after number reason café",
};
/** Of these every other word is made; what a language does not have in common with another sounds of it. */
const SYLLABLES: Record<Language, string[]> = {
  es: "ca lle ción tra ñor mé pue gua ri só ble ro ñi tu ja cé mo qui va dor lí za".split(" "),
  pt: "ção lho nhã bra sê pou ri gem tó ma dor vé xa qui ru ões pla co mí te nho fé".split(" "),
  en: "ther ing bl oo ck ship wa tion ly er sto mi gh pre un ma ster day kin ful low b".split(" "),
};

export type Language = "es" | "pt" | "en";
export const LANGUAGES: readonly Language[] = ["es", "pt", "en"];

const SEED = 7;
/** How many words a language has. */
const VOCABULARY = 20_000;
/** Only tickets of an old campaign have it: half of the older half, and none of the newer. */
export const OLD_WORD = "retirada";

/** The word of a language with this rank: the rank-th most frequent. */
export function wordOf(language: Language, rank: number): string {
  const frequent = FREQUENT[language].split(" ");
  const known = frequent[rank];
  if (known !== undefined) return known;
  const syllables = SYLLABLES[language];
  let word = "";
  for (let rest = rank; rest > 0; rest = Math.floor(rest / syllables.length))
    word += syllables[rest % syllables.length];
  return word;
}

/** Zipf's law: a word comes as often as its rank is low, so that the logarithm of the rank is even. */
const drawWord = (random: Random, language: Language) => wordOf(language, Math.floor(VOCABULARY ** random()) - 1);

const drawWords = (random: Random, language: Language, count: number) =>
  Array.from({ length: count }, () => drawWord(random, language)).join(" ");

export interface TicketText {
  number: number;
  subject: string;
  body: string;
  status: "open" | "solved" | "closed";
}

/** Tickets in the order of their numbers, the same ones each time. */
export function drawTickets(count: number): TicketText[] {
  const random = createRandom(SEED);
  return Array.from({ length: count }, (_, index): TicketText => {
    const number = index + 1;
    const language = LANGUAGES[Math.floor(random() * LANGUAGES.length)] ?? "es";
    const subject = drawWords(random, language, 3 + Math.floor(random() * 5));
    const words = drawWords(random, language, 20 + Math.floor(random() * 40));
    const reference = random() < 0.3 ? ` ${100_000 + Math.floor(random() * 900_000)}` : "";
    const campaign = number < count / 2 && random() < 0.5 ? ` ${OLD_WORD}` : "";
    const status = number > count * 0.9 ? "open" : number % 4 === 0 ? "solved" : "closed";
    return { number, subject, body: `${words}${reference}${campaign}`, status };
  });
}
