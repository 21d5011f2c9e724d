// Property: @aws-sdk/client-s3 v3 (default checksums, streams, presigner, lib-storage) and minio-js
// store, list, range-read, multipart-upload and delete real files. Run by js_test.py, which gives the
// server and the files in the environment. Exits non-zero with the first difference.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  CopyObjectCommand, CreateBucketCommand, DeleteBucketCommand, DeleteObjectCommand,
  DeleteObjectsCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command,
  PutObjectCommand, S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import * as Minio from "minio";

const endpoint = process.env.CAIRN_URL;
const files = process.env.CAIRN_FILES;
const credentials = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
};
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const read = (name) => readFileSync(join(files, name));
const collect = async (stream) => Buffer.concat(await Array.fromAsync(stream));
if (!Array.fromAsync) {
  Array.fromAsync = async (source) => {
    const all = [];
    for await (const item of source) all.push(item);
    return all;
  };
}

async function awsSdk() {
  const s3 = new S3Client({ endpoint, region: "us-east-1", credentials, forcePathStyle: true });
  const Bucket = "js-sdk";
  await s3.send(new CreateBucketCommand({ Bucket }));
  for (const name of readdirSync(files)) {
    const body = read(name);
    await s3.send(new PutObjectCommand({ Bucket, Key: name, Body: body }));
    const got = await s3.send(new GetObjectCommand({ Bucket, Key: name, ChecksumMode: "ENABLED" }));
    assert.equal(sha256(await collect(got.Body)), sha256(body), `SDK: ${name}`);
  }
  const stream = new PutObjectCommand({
    Bucket, Key: "stream", Body: createReadStream(join(files, "medium")),
    ContentLength: read("medium").length,
  });
  await s3.send(stream);
  const ranged = await s3.send(new GetObjectCommand({ Bucket, Key: "stream", Range: "bytes=5-104" }));
  assert.deepEqual(await collect(ranged.Body), read("medium").subarray(5, 105));
  await new Upload({
    client: s3, partSize: 5 << 20,
    params: { Bucket, Key: "upload", Body: createReadStream(join(files, "multipart")) },
  }).done();
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "upload" }));
  assert.equal(head.ContentLength, read("multipart").length);
  await s3.send(new CopyObjectCommand({ Bucket, Key: "copied", CopySource: `${Bucket}/upload` }));
  const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "signed" }));
  assert.equal((await fetch(put, { method: "PUT", body: read("small") })).status, 200);
  const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "signed" }));
  assert.equal(sha256(Buffer.from(await (await fetch(get)).arrayBuffer())), sha256(read("small")));
  await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: "none" })), { name: "NoSuchKey" });
  const listed = await s3.send(new ListObjectsV2Command({ Bucket }));
  await s3.send(new DeleteObjectsCommand({
    Bucket, Delete: { Objects: listed.Contents.slice(1).map(({ Key }) => ({ Key })) },
  }));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: listed.Contents[0].Key }));
  await s3.send(new DeleteBucketCommand({ Bucket }));
}

async function minioJs() {
  const { hostname, port } = new URL(endpoint);
  const client = new Minio.Client({
    endPoint: hostname, port: Number(port), useSSL: false,
    accessKey: credentials.accessKeyId, secretKey: credentials.secretAccessKey,
  });
  const bucket = "js-minio";
  await client.makeBucket(bucket);
  assert.equal(await client.bucketExists(bucket), true);
  for (const name of readdirSync(files)) {
    await client.putObject(bucket, `in/${name}`, read(name));
    const body = await collect(await client.getObject(bucket, `in/${name}`));
    assert.equal(sha256(body), sha256(read(name)), `minio-js: ${name}`);
  }
  await client.fPutObject(bucket, "file", join(files, "multipart"));
  const part = await collect(await client.getPartialObject(bucket, "file", 1000, 5000));
  assert.deepEqual(part, read("multipart").subarray(1000, 6000));
  const names = (await Array.fromAsync(client.listObjectsV2(bucket, "", true))).map((o) => o.name);
  assert.equal(names.length, readdirSync(files).length + 1);
  await client.removeObjects(bucket, names);
  await client.removeBucket(bucket);
}

await awsSdk();
console.log("@aws-sdk/client-s3: ok");
await minioJs();
console.log("minio-js: ok");
