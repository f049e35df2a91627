// Cities, with what an address and a phone number there look like.
// Tests: test/integration/demo-data.test.ts

export interface Place {
  readonly city: string;
  readonly state: string;
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  readonly region: string;
  /** "#" stands for a digit. */
  readonly postalCode: string;
  /** Country and area code. */
  readonly dialing: string;
  readonly legalForms: readonly string[];
  readonly streets: readonly string[];
}

const US = ["Inc.", "LLC", "Corp."];
const UK = ["Ltd", "plc"];
const DE = ["GmbH", "AG"];
const FR = ["SA", "SARL"];
const US_STREETS = ["Main Street", "Oak Avenue", "Market Street", "Lakeview Drive", "Commerce Parkway"];
const UK_STREETS = ["High Street", "Station Road", "Kings Road", "Mill Lane"];
const DE_STREETS = ["Hauptstrasse", "Bahnhofstrasse", "Industriestrasse", "Lindenallee"];
const FR_STREETS = ["rue Victor Hugo", "avenue Foch", "rue de la Gare", "boulevard Voltaire"];

type Row = readonly [city: string, state: string, postalCode: string, dialing: string];

function places(
  country: string,
  region: string,
  legalForms: readonly string[],
  streets: readonly string[],
  rows: readonly Row[],
): Place[] {
  return rows.map(([city, state, postalCode, dialing]) => ({
    city,
    state,
    country,
    region,
    postalCode,
    dialing,
    legalForms,
    streets,
  }));
}

/** The most common first. */
export const PLACES: readonly Place[] = [
  ...places("US", "North America", US, US_STREETS, [
    ["New York", "NY", "100##", "+1 212"],
    ["Chicago", "IL", "606##", "+1 312"],
    ["Austin", "TX", "787##", "+1 512"],
    ["Seattle", "WA", "981##", "+1 206"],
    ["Boston", "MA", "021##", "+1 617"],
    ["Denver", "CO", "802##", "+1 303"],
    ["Atlanta", "GA", "303##", "+1 404"],
    ["San Francisco", "CA", "941##", "+1 415"],
    ["Minneapolis", "MN", "554##", "+1 612"],
    ["Portland", "OR", "972##", "+1 503"],
  ]),
  ...places("GB", "Europe", UK, UK_STREETS, [
    ["London", "England", "EC#A #BT", "+44 20"],
    ["Manchester", "England", "M# #AB", "+44 161"],
    ["Edinburgh", "Scotland", "EH# #YT", "+44 131"],
    ["Bristol", "England", "BS# #TR", "+44 117"],
  ]),
  ...places("DE", "Europe", DE, DE_STREETS, [
    ["Berlin", "Berlin", "10###", "+49 30"],
    ["Hamburg", "Hamburg", "20###", "+49 40"],
    ["Munich", "Bavaria", "80###", "+49 89"],
    ["Cologne", "North Rhine-Westphalia", "50###", "+49 221"],
  ]),
  ...places("FR", "Europe", FR, FR_STREETS, [
    ["Paris", "Ile-de-France", "750##", "+33 1"],
    ["Lyon", "Auvergne-Rhone-Alpes", "690##", "+33 4"],
    ["Toulouse", "Occitanie", "310##", "+33 5"],
  ]),
  ...places("CA", "North America", ["Inc.", "Ltd."], US_STREETS, [
    ["Toronto", "ON", "M#B #A#", "+1 416"],
    ["Vancouver", "BC", "V#C #B#", "+1 604"],
  ]),
  ...places("AU", "Asia Pacific", ["Pty Ltd"], UK_STREETS, [
    ["Sydney", "NSW", "20##", "+61 2"],
    ["Melbourne", "VIC", "30##", "+61 3"],
  ]),
  ...places("SG", "Asia Pacific", ["Pte Ltd"], UK_STREETS, [["Singapore", "Singapore", "0#####", "+65"]]),
];
