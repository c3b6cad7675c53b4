// Sentences for what a web server in front of this one (a proxy such as nginx) answers by itself: a file that is too large
// for it, or a program that does not run. It answers with a page of HTML, which would be shown as it is.
() => {
  const plain = window.fetch;
  const AWAY = "The program behind this page does not answer now; try again in a minute.";
  const WORDS = {
    401: "The web server in front of this page asks for a login; load the page again.",
    413: "The file is larger than the web server in front of this page lets through; its owner can raise that limit.",
    502: AWAY, 503: AWAY, 504: AWAY,
  };

  // The sentence for a response; null if the program itself gave it, which reports errors as plain text and as JSON.
  window.emorecProxyError = (status, type) => (status < 400 || !/^text\/html\b/i.test(type ?? "") ? null
    : WORDS[status] ?? `The web server in front of this page refused this (${status}); ask its owner.`);

  window.fetch = async (resource, options) => {
    const response = await plain(resource, options);
    const sentence = window.emorecProxyError(response.status, response.headers.get("content-type"));
    if (!sentence) return response;
    const { pathname } = new URL(resource.url ?? resource, location.href), { status } = response;
    return pathname.endsWith("/upload") ? new Response(sentence, { status }) : Response.json({ detail: sentence }, { status });
  };
}
