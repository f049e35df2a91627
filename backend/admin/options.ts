// The options of all commands of `npm run admin`, and those that more than one has.
// Tests: test/faults/admin.test.ts
import { Option } from "commander";
import { OVERLAY_ROLES, type OverlayRole } from "../http/identity/auth.js";

export interface Options {
  readonly tenant?: string;
  readonly email?: string;
  readonly name?: string;
  readonly role?: string;
  readonly overlayRole?: readonly OverlayRole[];
  readonly id?: string;
  readonly admin?: string;
  readonly module?: readonly string[];
  readonly expiresIn?: string;
  readonly passwordStdin?: boolean;
  readonly permanent?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
  readonly data?: string;
  readonly actor?: string;
  readonly reason?: string;
}

export const USER_ROLES = ["viewer", "member", "admin"];

export function overlayRoleOption(description: string): Option {
  return new Option("--overlay-role <role...>", description).choices(OVERLAY_ROLES);
}
