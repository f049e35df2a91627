// Templates: what is filled in cannot leave its place, in any format, and no template runs code or goes on for ever.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { HttpProblem } from "../../http/problem.js";
import { checkTemplate, type Format, render } from "../../services/overlay/documents/render-template.js";

const withStatus = (status: number) => (error: unknown) =>
  error instanceof HttpProblem && error.status === status;

describe("templates", () => {
  test("names, sections, and parts of what is nested", () => {
    const body =
      "Dear {{client.name}},{{#visits}} on {{day}}{{^isDone}} (open){{/isDone}}{{/visits}}{{! none }}";
    const data = { client: { name: "Ada" }, visits: [{ day: "Monday", isDone: true }, { day: "Friday" }] };
    assert.equal(render(body, "text", data), "Dear Ada, on Monday on Friday (open)");
    assert.equal(
      render("{{#names}}{{.}};{{/names}}{{missing}}{{a.b.c}}", "text", { names: ["x", "y"] }),
      "x;y;",
    );
    assert.equal(render("{{n}} {{no}} {{zero}}", "text", { n: 1.5, no: false, zero: 0 }), "1.5 false 0");
  });

  test("what is filled in is escaped for the format", () => {
    const evil = `<img src=x onerror="alert(1)">'&`;
    assert.doesNotMatch(render("<p>{{x}}</p>", "html", { x: evil }).slice(3, -4), /[<>"']/);
    assert.equal(render("{{x}}", "text", { x: evil }), evil);
    const quoted = 'a "b"\n\\u0000';
    assert.deepEqual(JSON.parse(render('{"x":"{{x}}"}', "json", { x: quoted })), { x: quoted });
    assert.equal(render("{{x}},{{y}}", "csv", { x: 'a,"b"\n', y: "plain" }), '"a,""b""\n",plain');
    for (const formula of ["=1+1", "+1", "-cmd", "@x", "\tx"])
      assert.equal(render("{{x}}", "csv", { x: formula }), `"'${formula}"`);
    assert.equal(render("{{x}}", "csv", { x: -12.5 }), "-12.5");
  });

  test("what JavaScript's objects inherit is no data, and nothing is called", () => {
    const names = [
      "constructor",
      "toString",
      "__proto__",
      "hasOwnProperty",
      "constructor.name",
      "x.constructor",
    ];
    for (const name of names) {
      assert.equal(render(`{{${name}}}`, "text", { x: {} }), "", name);
      assert.equal(render(`{{#${name}}}in{{/${name}}}`, "text", { x: [] }), "", name);
    }
    assert.equal(render("{{#list}}{{constructor}}{{/list}}", "text", { list: [[1], "text", 5] }), "");
    assert.equal(render("{{f}}{{#f}}in{{/f}}", "text", { f: () => "called" }), "");
    const own = JSON.parse('{"__proto__": {"x": "own"}}');
    assert.equal(render("{{__proto__.x}}", "text", own), "own");
  });

  test("what would leave out the escaping, include, or is no template is refused when it is made", () => {
    for (const body of ["{{{x}}}", "{{&x}}", "{{>other}}", "{{=<% %>=}}<%x%>", "{{#a}}", "{{/a}}", "{{x"])
      assert.throws(() => checkTemplate(body, "html"), withStatus(400), body);
    assert.throws(() => checkTemplate(`{{#a}}`.repeat(25) + `{{/a}}`.repeat(25), "text"), withStatus(400));
    assert.throws(() => checkTemplate("x".repeat(70_000), "text"), withStatus(400));
    assert.throws(() => checkTemplate('{"x": {{x}}}', "json"), withStatus(400));
    checkTemplate('{"x": "{{x}}"}', "json");
    for (const format of ["text", "html", "csv"] satisfies Format[]) checkTemplate("{{x}}", format);
  });

  test("a document has a bound, in bytes and in turns", () => {
    const list = Array.from({ length: 100 }, () => ({}));
    const nested = "{{#l}}{{#l}}{{#l}}{{#l}}x{{/l}}{{/l}}{{/l}}{{/l}}";
    assert.throws(() => render(nested, "text", { l: list }), withStatus(413));
    assert.throws(() => render(`{{#l}}${"x".repeat(60_000)}{{/l}}`, "text", { l: list }), withStatus(413));
    const many = `{{#l}}${"{{y}}".repeat(10_000)}{{/l}}`;
    assert.throws(() => render(many, "text", { l: list }), withStatus(413));
  });
});
