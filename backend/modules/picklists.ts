// Values that several modules offer to choose from.
// Tests: test/http/crud.test.ts

export const INDUSTRIES = [
  "agriculture",
  "automotive",
  "construction",
  "consulting",
  "education",
  "energy",
  "finance",
  "government",
  "healthcare",
  "hospitality",
  "insurance",
  "logistics",
  "manufacturing",
  "media",
  "nonprofit",
  "real_estate",
  "retail",
  "technology",
  "telecommunications",
] as const;

export const RATINGS = ["hot", "warm", "cold"] as const;

/** Where a person or company was first heard of. */
export const SOURCES = [
  "website",
  "referral",
  "partner",
  "trade_show",
  "webinar",
  "cold_call",
  "email_campaign",
  "social_media",
  "advertisement",
  "other",
] as const;
