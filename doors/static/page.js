// What happens in the browser: the source panel, the sidebar, the theme, copying, dropping files, and staying at the last words.
(() => {
  'use strict';
  const narrow = () => window.matchMedia('(max-width: 900px)').matches;
  const byId = (id) => document.getElementById(id);
  const find = (selector) => document.querySelector(selector);
  const store = { get: (k) => { try { return localStorage.getItem(k); } catch { return null; } },
                  set: (k, v) => { try { localStorage.setItem(k, v); } catch { /* private window */ } } };

  // The source panel

  let siblings = [], place = -1, opener = null, asked = 0;

  function openSource(link, from) {
    const list = link.closest('.sources, .nearest, .why');
    siblings = list ? [...list.querySelectorAll('[data-passage]')] : [link];
    opener = from || link;
    document.body.classList.add('source-open');
    byId('source').inert = false;
    if (narrow()) setLibrary(false);
    show(siblings.indexOf(link));
    byId('source').focus({ preventScroll: true });
  }

  async function show(index) {
    place = index;
    const link = siblings[place], body = byId('source-body'), mine = ++asked;
    document.querySelectorAll('.current-source').forEach((e) => e.classList.remove('current-source'));
    link.classList.add('current-source');
    document.querySelectorAll(`a.cite[href="#${CSS.escape(link.id)}"], a.cite[href="#${link.id}"]`)
      .forEach((e) => e.classList.add('current-source'));
    const several = siblings.length > 1;
    byId('source-count').textContent = link.classList.contains('source') ? `Footnote ${link.querySelector('.number').textContent} of ${siblings.length}`
      : several ? `Passage ${place + 1} of ${siblings.length}` : 'Document';
    for (const step of document.querySelectorAll('[data-step]')) {
      step.hidden = !several;
      step.disabled = !siblings[place + Number(step.dataset.step)];
    }
    body.setAttribute('aria-busy', 'true');
    let shown;
    try {
      const answer = await fetch(link.dataset.passage, { headers: { Accept: 'text/html, application/json' } });
      shown = answer.ok ? fragment(await answer.text()) : failed((await answer.json()).error, link.dataset.quote);
    } catch {
      shown = failed('Footnote does not answer. Is it still running?', link.dataset.quote);
    }
    if (mine !== asked) return;
    body.replaceChildren(shown);
    body.removeAttribute('aria-busy');
    const headings = body.querySelector('.headings');
    if (headings) headings.textContent = link.dataset.headings;
    byId('source').scrollTop = 0;
    const mark = body.querySelector('mark'), passage = body.querySelector('.passage');
    if (mark) passage.scrollTop += mark.getBoundingClientRect().top - passage.getBoundingClientRect().top - 60;
    const sheet = body.querySelector('.sheet'), picture = sheet && sheet.querySelector('img');
    if (picture) {
      const scroll = () => { sheet.scrollTop = Number(sheet.dataset.top) * picture.height - sheet.clientHeight * .35; };
      picture.addEventListener('load', scroll);
      picture.addEventListener('error', () => { picture.closest('figure').replaceChildren(failed('The picture of the page cannot be drawn.', '')); });
      if (picture.complete) scroll();
    }
  }

  // The server has passed this text through the output gate.
  function fragment(html) {
    const template = document.createElement('template');
    template.innerHTML = html;
    return template.content;
  }

  function failed(message, quote) {
    const out = document.createDocumentFragment(), p = document.createElement('p');
    p.className = 'trouble';
    p.textContent = message;
    out.append(p);
    if (quote) {
      const passage = document.createElement('blockquote'), mark = document.createElement('mark');
      passage.className = 'passage';
      mark.textContent = quote;
      passage.append(mark);
      out.append(passage);
    }
    return out;
  }

  function closeSource() {
    if (!document.body.classList.contains('source-open')) return;
    document.body.classList.remove('source-open');
    byId('source').inert = true;
    document.querySelectorAll('.current-source').forEach((e) => e.classList.remove('current-source'));
    if (opener && opener.isConnected) opener.focus({ preventScroll: true });
    asked++;
  }

  function step(by) {
    if (siblings[place + by]) show(place + by);
  }

  // Sidebar and theme

  function setLibrary(open) {
    document.body.classList.toggle('library-closed', !open);
    document.body.classList.toggle('library-shown', open);
  }

  function setTheme(theme) {
    document.body.classList.toggle('dark', theme === 'dark');
    document.documentElement.style.colorScheme = theme;
  }

  const system = window.matchMedia('(prefers-color-scheme: dark)');
  const theme = () => store.get('footnote-theme') || (system.matches ? 'dark' : 'light');

  // Clicks

  document.addEventListener('click', (click) => {
    const at = (selector) => click.target.closest(selector);
    let hit;
    if ((hit = at('a.cite'))) {
      click.preventDefault();
      const source = byId(hit.getAttribute('href').slice(1));
      if (source) openSource(source, hit);
    } else if ((hit = at('[data-passage]'))) {
      click.preventDefault();
      openSource(hit, hit);
    } else if ((hit = at('[data-step]'))) step(Number(hit.dataset.step));
    else if (at('[data-close]')) closeSource();
    else if (at('[data-shade]')) { closeSource(); setLibrary(false); }
    else if (at('[data-toggle="library"]')) setLibrary(document.body.classList.contains('library-closed'));
    else if ((hit = at('[data-press]'))) find(`button#${hit.dataset.press}, #${hit.dataset.press} button`).click();
    else if (at('[data-theme-switch]')) { const next = theme() === 'dark' ? 'light' : 'dark'; store.set('footnote-theme', next); setTheme(next); }
    else if ((hit = at('[data-copy]'))) copy(hit);
    else if ((hit = at('.document .remove'))) sure(hit.closest('.document'), true);
    else if ((hit = at('.document .no'))) sure(hit.closest('.document'), false);
    else if (at('#new-conversation')) { closeSource(); if (narrow()) setLibrary(false); find('#question textarea')?.focus(); }
  });

  function sure(row, asking) {
    row.classList.toggle('asking', asking);
    row.querySelector('.sure').hidden = !asking;
    (asking ? row.querySelector('.no') : row.querySelector('.remove')).focus();
  }

  async function copy(button) {
    const text = JSON.parse(button.dataset.copy);
    let done = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement('textarea');
      area.value = text;
      document.body.append(area);
      area.select();
      done = document.execCommand('copy');
      area.remove();
    }
    button.textContent = done ? 'Copied' : 'Could not copy';
    setTimeout(() => { button.textContent = 'Copy'; }, 1600);
  }

  document.addEventListener('keydown', (key) => {
    if (key.key === 'Escape') {
      if (document.body.classList.contains('source-open')) closeSource();
      else if (narrow()) setLibrary(false);
    }
    const writing = key.target.closest('textarea, input');
    if (writing || !document.body.classList.contains('source-open')) return;
    if (key.key === 'ArrowRight' || key.key === 'n') step(1);
    if (key.key === 'ArrowLeft' || key.key === 'p') step(-1);
  });

  // No link of ours leads elsewhere, and a policy cannot forbid a page to leave: whatever would take it to another address is stopped

  window.navigation?.addEventListener('navigate', (leaving) => {
    if (leaving.cancelable && new URL(leaving.destination.url).origin !== location.origin) leaving.preventDefault();
  });

  // Files dropped anywhere go the way of those that were chosen

  let over = 0;
  const files = (event) => event.dataTransfer && [...event.dataTransfer.types].includes('Files');
  window.addEventListener('dragenter', (e) => { if (files(e)) { over++; document.body.classList.add('dropping'); } });
  window.addEventListener('dragleave', (e) => { if (files(e) && --over <= 0) document.body.classList.remove('dropping'); });
  window.addEventListener('dragover', (e) => { if (files(e)) e.preventDefault(); });
  window.addEventListener('drop', (e) => {
    if (!files(e)) return;
    e.preventDefault();
    over = 0;
    document.body.classList.remove('dropping');
    const input = find('input[data-testid$="upload-button"]') || find('#library input[type="file"]');
    if (!input) return;
    input.files = e.dataTransfer.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
    if (narrow()) setLibrary(true);
  });

  // Start

  function stayAtTheEnd(scroller) {
    let near = true;
    scroller.addEventListener('scroll', () => { near = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 120; }, { passive: true });
    let count = 0;
    new MutationObserver(() => {
      const exchanges = scroller.querySelectorAll('.exchange').length;
      if (exchanges > count) near = true;
      count = exchanges;
      if (near) scroller.scrollTop = scroller.scrollHeight;
    }).observe(scroller, { childList: true, subtree: true, characterData: true });
  }

  function start() {
    const scroller = byId('conversation');
    if (!scroller || !byId('source')) return void setTimeout(start, 50);
    setTheme(theme());
    system.addEventListener('change', () => setTheme(theme()));
    setLibrary(!narrow());
    document.body.classList.add('ready');
    stayAtTheEnd(scroller);
    find('#question textarea')?.focus({ preventScroll: true });
  }
  start();
})();
