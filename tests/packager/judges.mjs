// What four independent readers make of a folder of published media: node judges.mjs FOLDER; prints JSON.
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(new URL('../../edge/web/package.json', import.meta.url));
const HLS = require('hls-parser');
const { Parser } = require('m3u8-parser');
const mpd = require('mpd-parser');
const MP4Box = require('mp4box');

const folder = process.argv[2];
const names = readdirSync(folder, { recursive: true }).sort();

/** RFC 8216's grammar: any breach of it throws. */
function strictly(text) {
  HLS.setOptions({ strictMode: true });
  const list = HLS.parse(text);
  if (!list.isMasterPlaylist) {
    return {
      target: list.targetDuration,
      type: list.playlistType ?? null,
      ended: list.endlist,
      iframes: list.isIFrame,
      map: list.segments[0]?.map?.uri ?? null,
      segments: list.segments.map(({ uri, duration, byterange }) => ({ uri, duration, byterange: byterange ?? null })),
    };
  }
  return {
    start: list.start ?? null,
    independent: list.independentSegments,
    variants: list.variants.map((variant) => ({
      uri: variant.uri,
      iframes: variant.isIFrameOnly,
      peak: variant.bandwidth,
      average: variant.averageBandwidth,
      codecs: variant.codecs,
      size: [variant.resolution.width, variant.resolution.height],
      rate: variant.frameRate ?? null,
      range: variant.videoRange,
      audio: variant.audio.map(({ uri, language, channels, isDefault }) => ({ uri, language, channels, isDefault })),
      captions: variant.subtitles.map(({ uri, language, name }) => ({ uri, language, name })),
    })),
  };
}

/** What video.js reads, and what it warns of. */
function leniently(text) {
  const parser = new Parser();
  const complaints = [];
  parser.on('warn', (event) => complaints.push(event.message));
  parser.push(text);
  parser.end();
  const { segments, playlists, targetDuration } = parser.manifest;
  return {
    complaints,
    target: targetDuration ?? null,
    uris: (playlists ?? segments).map(({ uri }) => uri),
    seconds: segments.map(({ duration }) => duration),
  };
}

function ofDash(text) {
  const complaints = [];
  const eventHandler = ({ type, message }) => complaints.push(`${type}: ${message}`);
  const { duration, playlists, mediaGroups } = mpd.parse(text, { manifestUri: 'https://edge.test/dash.mpd', eventHandler });
  const sounds = Object.values(mediaGroups.AUDIO).flatMap((group) => Object.values(group)).flatMap((one) => one.playlists);
  const told = ({ attributes, segments }) => ({
    bandwidth: attributes.BANDWIDTH,
    codecs: attributes.CODECS,
    size: attributes.RESOLUTION ? [attributes.RESOLUTION.width, attributes.RESOLUTION.height] : null,
    init: segments[0].map.uri,
    segments: segments.map(({ uri, duration: seconds, presentationTime }) => ({ uri, duration: seconds, at: presentationTime })),
  });
  const captions = Object.values(mediaGroups.SUBTITLES).flatMap((group) => Object.values(group));
  const shown = captions.map((one) => ({ language: one.language, uri: one.playlists[0].resolvedUri }));
  return { complaints, duration, video: playlists.map(told), audio: sounds.map(told), captions: shown };
}

/** A track as it is stored: its boxes, and where its segments' samples begin and end. */
function ofTrack(track) {
  const file = MP4Box.createFile(true);
  const faults = [];
  let info = null;
  let at = 0;
  file.onError = (fault) => faults.push(String(fault));
  file.onReady = (found) => { info = found; };
  for (const name of names.filter((each) => dirname(each) === track && /(init\.mp4|\d+\.m4s)$/.test(each)).sort(byTime)) {
    const bytes = readFileSync(join(folder, name));
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    buffer.fileStart = at;
    at += bytes.length;
    file.appendBuffer(buffer);
  }
  file.flush();
  const samples = file.moov.traks[0].samples;
  const segments = file.moofs.map((_, number) => {
    const own = samples.filter((sample) => sample.moof_number === number + 1);
    return {
      samples: own.length,
      begins_with_sync: own[0].is_sync,
      syncs: own.filter((sample) => sample.is_sync).length,
      begin: Math.min(...own.map((sample) => sample.cts)),
      end: Math.max(...own.map((sample) => sample.cts + sample.duration)),
      decode: own[0].dts,
      decoded: own.at(-1).dts + own.at(-1).duration,
    };
  });
  const [first] = info.tracks;
  return {
    faults,
    boxes: file.boxes.map((box) => box.type),
    brands: file.ftyp.compatible_brands,
    tracks: info.tracks.length,
    codec: first.codec,
    timescale: first.timescale,
    shift: first.edits?.[0]?.media_time ?? 0,
    segments,
  };
}

function byTime(one, other) {
  return Number(other.endsWith('init.mp4')) - Number(one.endsWith('init.mp4')) || (one < other ? -1 : 1);
}

const text = (name) => readFileSync(join(folder, name), 'utf8');
const playlists = names.filter((name) => name.endsWith('.m3u8'));
const tracks = names.filter((name) => name.endsWith('init.mp4')).map((name) => dirname(name));
console.log(
  JSON.stringify({
    strict: Object.fromEntries(playlists.map((name) => [name, strictly(text(name))])),
    lenient: Object.fromEntries(playlists.map((name) => [name, leniently(text(name))])),
    dash: names.includes('dash.mpd') ? ofDash(text('dash.mpd')) : null,
    tracks: Object.fromEntries(tracks.map((track) => [track, ofTrack(track)])),
  }),
);
