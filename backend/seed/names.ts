// Names of people and companies.
// Tests: test/integration/demo-data.test.ts
import type { INDUSTRIES } from "../modules/picklists.js";

export const FIRST_NAMES = (
  "James Mary Maria Anna Michael Laura David Sofia Daniel Emma Thomas Julia Peter Clara Robert Elena Lucas Nina Martin Sarah " +
  "Jonas Alice Samuel Olivia Felix Chloe Oscar Hannah Victor Ines Hugo Leah Marco Amara Kenji Priya Arjun Mei Omar Layla Yusuf " +
  "Fatima Diego Camila Mateo Valentina Andrei Ioana Pavel Katya Henrik Ingrid Lars Freya Patrick Niamh Sean Aoife Pierre Camille"
).split(" ");

export const LAST_NAMES = (
  "Smith Mueller Garcia Martin Rossi Johnson Schmidt Lopez Bernard Ferrari Brown Fischer Gonzalez Dubois Russo Taylor Weber " +
  "Fernandez Moreau Bianchi Wilson Becker Torres Laurent Romano Clark Hoffmann Ramirez Simon Colombo Lewis Wagner Flores Michel " +
  "Ricci Walker Koch Rivera Lefevre Marino Hall Richter Gomez Roux Greco Young Klein Diaz Fournier Bruno King Wolf Cruz Girard " +
  "Conti Wright Neumann Reyes Bonnet Costa Scott Krause Morales Mercier Mancini Green Lehmann Ortiz Blanc Longo Adams Patel Kim " +
  "Nguyen Tanaka Singh Chen Okafor Hassan Novak Kowalski Horvat Nilsson Hansen Virtanen Murphy Byrne Campbell"
).split(" ");

export const NAME_STARTS = (
  "North South East West Bright Clear Silver Golden Iron Copper Stone River Lake Harbor Summit Ridge Cedar Maple Oak Willow Birch " +
  "Elm Falcon Raven Heron Swift Fox Wolf Bear Stag Amber Crystal Granite Cobalt Crimson Azure Ember Frost Storm Sun Moon Star Dawn " +
  "High Green White Black Red Blue Old New Grand Fair Deep Long Broad True Wild Sand Thorn"
).split(" ");

export const NAME_ENDS = (
  "field water bridge gate ford stone wood brook haven point view mark line land dale crest port well side way hill shore rock fall " +
  "mont vale moor mere cliff peak yard hall mill tower spring grove path reach bay wick ton worth bury stead"
).split(" ");

type Industry = (typeof INDUSTRIES)[number];

/** What companies of an industry call themselves. */
export const COMPANY_WORDS: Readonly<Record<Industry, readonly string[]>> = {
  agriculture: ["Farms", "Agri", "Growers", "Harvest"],
  automotive: ["Motors", "Automotive", "Drivetrain", "Mobility"],
  construction: ["Construction", "Builders", "Contracting", "Engineering"],
  consulting: ["Consulting", "Advisors", "Partners", "Strategy"],
  education: ["Academy", "Learning", "Education", "Institute"],
  energy: ["Energy", "Power", "Solar", "Utilities"],
  finance: ["Capital", "Finance", "Bank", "Investments"],
  government: ["Municipal Services", "Public Works", "Authority", "Civic"],
  healthcare: ["Health", "Clinics", "Medical", "Diagnostics"],
  hospitality: ["Hotels", "Resorts", "Hospitality", "Catering"],
  insurance: ["Insurance", "Mutual", "Assurance", "Underwriters"],
  logistics: ["Logistics", "Freight", "Shipping", "Supply"],
  manufacturing: ["Manufacturing", "Industries", "Works", "Components"],
  media: ["Media", "Publishing", "Studios", "Broadcasting"],
  nonprofit: ["Foundation", "Trust", "Alliance", "Relief"],
  real_estate: ["Properties", "Realty", "Estates", "Developments"],
  retail: ["Stores", "Retail", "Market", "Outfitters"],
  technology: ["Software", "Systems", "Technologies", "Cloud"],
  telecommunications: ["Telecom", "Networks", "Wireless", "Broadband"],
};

/** Thousands of dollars of revenue for each employee in a year, roughly. */
export const REVENUE_PER_EMPLOYEE: Readonly<Record<Industry, number>> = {
  agriculture: 140,
  automotive: 310,
  construction: 210,
  consulting: 190,
  education: 85,
  energy: 620,
  finance: 380,
  government: 95,
  healthcare: 160,
  hospitality: 75,
  insurance: 450,
  logistics: 180,
  manufacturing: 240,
  media: 205,
  nonprofit: 70,
  real_estate: 330,
  retail: 175,
  technology: 290,
  telecommunications: 360,
};
