// Property: a page of another origin uploads with a form that the JS SDK presigned, by submitting it
// and by fetch under CORS, and reads what it may of the reply; without a rule of the bucket it reads
// nothing. Run by browser_test.py with headless Chromium; exits non-zero with the first difference.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateBucketCommand, GetObjectCommand, HeadObjectCommand, PutBucketCorsCommand, S3Client,
} from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { chromium } from "playwright-core";

const Bucket = "browser";
const s3 = new S3Client({
  endpoint: process.env.CAIRN_URL, region: "us-east-1", forcePathStyle: true,
  credentials: {
    accessKeyId: process.env.AWS_ACCESS_KEY_ID,
    secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
  },
});
const md5 = (text) => `"${createHash("md5").update(text).digest("hex")}"`;
const presign = (Key, Fields = {}, Conditions = []) => createPresignedPost(s3, {
  Bucket, Key, Fields, Expires: 300,
  Conditions: [...Object.entries(Fields).map(([name, value]) => ({ [name]: value })), ...Conditions],
});

// The page's origin: another port than the store's.
const pages = createServer((request, response) => {
  response.setHeader("Content-Type", "text/html; charset=utf-8");
  response.end("<!doctype html><title>page</title><body></body>");
});
await new Promise((resolve) => pages.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${pages.address().port}`;

// What the page does: posts the form's fields and a file of `text`; tells what it can read.
const postByFetch = ({ url, fields, text }) => {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", new Blob([text], { type: "text/plain" }), "note.txt");
  return fetch(url, { method: "POST", body: form }).then(
    async (reply) => ({
      status: reply.status, etag: reply.headers.get("ETag"),
      location: reply.headers.get("Location"), text: await reply.text(),
    }),
    (error) => ({ failed: String(error) }));
};

async function withoutRules(page) {
  const form = await presign("hidden");
  const reply = await page.evaluate(postByFetch, { ...form, text: "x" });
  assert.match(reply.failed, /TypeError/, "without CORS a page reads nothing");
}

async function withRules(page) {
  await s3.send(new PutBucketCorsCommand({
    Bucket,
    CORSConfiguration: { CORSRules: [{
      AllowedOrigins: [origin], AllowedMethods: ["POST", "PUT", "GET"], AllowedHeaders: ["*"],
      ExposeHeaders: ["ETag", "Location"], MaxAgeSeconds: 60,
    }] },
  }));
  const fields = { success_action_status: "201", "Content-Type": "text/x-note" };
  const form = await presign("notes/${filename}", fields, [["content-length-range", 1, 1000]]);
  const reply = await page.evaluate(postByFetch, { ...form, text: "from the page" });
  assert.equal(reply.status, 201, JSON.stringify(reply));
  assert.equal(reply.etag, md5("from the page"));
  assert.match(reply.text, /<Key>notes\/note\.txt<\/Key>/);
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "notes/note.txt" }));
  assert.equal(head.ContentType, "text/x-note");

  // Refusals are readable, too.
  const large = await page.evaluate(postByFetch, { ...form, text: "x".repeat(1001) });
  assert.equal(large.status, 400);
  assert.match(large.text, /<Code>EntityTooLarge<\/Code>/);
  const denied = await page.evaluate(postByFetch,
    { url: form.url, fields: { ...form.fields, key: "elsewhere" }, text: "x" });
  assert.equal(denied.status, 403);
  assert.match(denied.text, /Policy Condition failed/);

  // A header of its own makes a presigned GET need a preflight.
  const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "notes/note.txt" }));
  const got = await page.evaluate((href) => fetch(href, { headers: { "X-Custom": "1" } })
    .then((answer) => answer.text(), (error) => String(error)), url);
  assert.equal(got, "from the page");
}

async function bySubmitting(page) {
  const target = `${origin}/done?from=form`;
  const form = await presign("submitted", { success_action_redirect: target });
  await page.goto(origin);
  await page.evaluate(({ url, fields }) => {
    const element = document.createElement("form");
    Object.assign(element, { action: url, method: "post", enctype: "multipart/form-data" });
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name, value });
      element.append(input);
    }
    const file = document.createElement("input");
    Object.assign(file, { type: "file", name: "file" });
    const data = new DataTransfer();
    data.items.add(new File(["submitted by a form"], "f.txt"));
    file.files = data.files;
    element.append(file);
    document.body.append(element);
    element.submit();
  }, form);
  await page.waitForURL(/done/);
  const reached = new URL(page.url());
  assert.equal(reached.origin, origin);
  assert.equal(reached.searchParams.get("from"), "form");
  assert.equal(reached.searchParams.get("bucket"), Bucket);
  assert.equal(reached.searchParams.get("key"), "submitted");
  assert.equal(reached.searchParams.get("etag"), md5("submitted by a form"));
  const stored = await s3.send(new GetObjectCommand({ Bucket, Key: "submitted" }));
  assert.equal(await stored.Body.transformToString(), "submitted by a form");
}

const profile = mkdtempSync(join(tmpdir(), "cairn-chromium."));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium", headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  await s3.send(new CreateBucketCommand({ Bucket }));
  const page = await context.newPage();
  await bySubmitting(page);
  await page.goto(origin);
  await withoutRules(page);
  await withRules(page);
  console.log("browser: ok");
} finally {
  await context.close();
  pages.close();
  rmSync(profile, { recursive: true, force: true });
}
