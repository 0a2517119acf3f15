import { describe, expect, test } from "bun:test";
import { childrenNamed, childText, parseXml } from "../../../../drivers/s3/xml.ts";

describe("parseXml", () => {
  test("reads elements, text, entities, CDATA and empty elements; drops namespaces, attributes and comments", () => {
    const root = parseXml(
      '\uFEFF<?xml version="1.0"?>\n<!-- c --><s3:List xmlns:s3="http://x/" a="1"><Key>a &amp; b&#x20;&#252;&lt;&gt;&quot;&apos;&#34;</Key><Key><![CDATA[<raw&>]]></Key><Empty/><Spaced attr="v" /><Deep><Key>x</Key></Deep></s3:List>\n',
    );
    expect(root.name).toBe("List");
    expect(childrenNamed(root, "Key").map((it) => it.text)).toEqual(['a & b ü<>"\'"', "<raw&>"]);
    expect(childText(root, "Empty")).toBe("");
    expect(childText(root, "Spaced")).toBe("");
    expect(childText(root, "Absent")).toBeUndefined();
    expect(root.children.length).toBe(5);
  });

  const refused: Readonly<Record<string, string>> = {
    "a document type": '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    "an unknown entity": "<a>&x;</a>",
    "an unfinished entity": "<a>&lt</a>",
    "a number beyond unicode": "<a>&#x110000;</a>",
    "an unclosed element": "<a><b></b>",
    "a wrongly closed element": "<a></b>",
    "an end without a start": "</a>",
    "two roots": "<a/><b/>",
    "text outside": "<a/>x",
    "an unfinished tag": "<a><b",
    "a tag in a tag": "<a <b>></a>",
    "a bare <": "<a>1 < 2</a>",
    nothing: "",
    "what is not XML": "Client sent an HTTP request to an HTTPS server.",
    "endless nesting": "<a>".repeat(100_000),
  };
  for (const [what, source] of Object.entries(refused)) {
    test(`refuses ${what}`, () => {
      expect(() => parseXml(source)).toThrow(SyntaxError);
    });
  }

  test("takes hostile lengths in linear time", () => {
    const started = performance.now();
    expect(() => parseXml(`<a>${"&amp".repeat(100_000)}`)).toThrow(SyntaxError);
    expect(() => parseXml(`<a ${" ".repeat(200_000)}<`)).toThrow(SyntaxError);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});
