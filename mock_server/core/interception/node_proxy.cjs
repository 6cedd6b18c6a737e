// Loaded first into a Node.js that cannot read HTTPS_PROXY by itself: its fetch, http and https go through the proxy.
// A newer one does that when NODE_USE_ENV_PROXY is set, and is left alone.
'use strict';

const [major, minor] = process.versions.node.split('.').map(Number);
const readsItself = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);
const proxyUrl = process.env.HTTPS_PROXY;

if (!readsItself && proxyUrl) install(new URL(proxyUrl));

function install(proxy) {
  const http = require('node:http');
  const https = require('node:https');
  const net = require('node:net');
  const tls = require('node:tls');
  const direct = (process.env.NO_PROXY || '').split(',').map((name) => name.trim().toLowerCase());
  const MAX_HEAD = 16384;

  const isDirect = (host) => {
    const name = host.toLowerCase().replace(/^\[|\]$/g, '').replace(/\.$/, '');
    return direct.some((one) => one && (name === one || name.endsWith(`.${one}`)));
  };

  // A socket that the proxy has connected to host:port, or an error in the proxy's own words.
  function tunnel(host, port, done) {
    const socket = net.connect({ host: proxy.hostname, port: Number(proxy.port), noDelay: true });
    let head = '';
    const finish = (error) => {
      socket.removeAllListeners('data').removeAllListeners('error').removeAllListeners('end');
      if (!error) return done(null, socket);
      socket.destroy();
      return done(error);
    };
    socket.once('error', finish);
    socket.once('end', () => finish(new Error('the proxy of kirin-mock hung up')));
    socket.once('connect', () => {
      const name = net.isIPv6(host) ? `[${host}]` : host;
      socket.write(`CONNECT ${name}:${port} HTTP/1.1\r\nHost: ${name}:${port}\r\n\r\n`);
    });
    socket.on('data', (part) => {
      head += part.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end < 0 && head.length <= MAX_HEAD) return;
      const [line] = head.split('\r\n', 1);
      const status = Number(line.split(' ')[1]);
      const told = line.split(' ').slice(2).join(' ');
      finish(status === 200 ? null : Object.assign(new Error(`${status} ${told}`), { code: 'ERR_PROXY_TUNNEL' }));
    });
  }

  function secured(socket, options) {
    return tls.connect({ ...options, socket, host: undefined, port: undefined, path: undefined });
  }

  // Gives a connection as net.connect or tls.connect would, once it is ready.
  function connection(options, isTls, done) {
    const host = options.hostname || options.host || 'localhost';
    const port = Number(options.port) || (isTls ? 443 : 80);
    if (options.socketPath || isDirect(host)) return done(null, null);
    return tunnel(host, port, (error, socket) => {
      if (error || !isTls) return done(error, socket);
      const servername = options.servername || (net.isIP(host) ? '' : host);
      const secure = secured(socket, { ...options, servername, ALPNProtocols: ['http/1.1'] });
      const failed = (cause) => done(cause);
      secure.once('error', failed);
      secure.once('secureConnect', () => {
        secure.removeListener('error', failed);
        done(null, secure);
      });
      return undefined;
    });
  }

  // http.request and https.request, and all that is built on their global agents.
  function agentOf(module, isTls) {
    return new (class extends module.Agent {
      createConnection(options, done) {
        connection(options, isTls, (error, socket) => {
          if (!error && !socket) done(null, super.createConnection(options));
          else done(error, socket);
        });
      }
    })({ keepAlive: true, scheduling: 'lifo', timeout: 5000 });
  }
  http.globalAgent = agentOf(http, false);
  https.globalAgent = agentOf(https, true);

  // fetch: its own library is loaded by the first use of one of its classes, and leaves its dispatcher here.
  const DISPATCHER = Symbol.for('undici.globalDispatcher.1');
  if (typeof globalThis.fetch !== 'function' || typeof globalThis.Headers !== 'function') return;
  const Agent = globalThis[DISPATCHER]?.constructor;
  if (typeof Agent !== 'function') return;
  globalThis[DISPATCHER] = new Agent({
    connect(options, done) {
      const isTls = options.protocol === 'https:';
      connection(options, isTls, (error, socket) => {
        if (error || socket) return done(error, socket);
        const { hostname, port, servername } = options;
        const plain = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (isTls ? 443 : 80) };
        const made = isTls ? tls.connect({ ...plain, servername: servername || undefined }) : net.connect(plain);
        made.once('error', done);
        made.once(isTls ? 'secureConnect' : 'connect', () => {
          made.removeListener('error', done);
          done(null, made);
        });
        return undefined;
      });
    },
  });
}
