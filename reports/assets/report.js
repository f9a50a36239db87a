"use strict";
// The page is whole without this script; with it commands can be copied, cases filtered, and the timeline read off.
(function () {
  function element(name, properties) {
    return Object.assign(document.createElement(name), properties);
  }

  function select(node) {
    var range = document.createRange();
    range.selectNodeContents(node);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }

  // Pages opened from a file have no clipboard in some browsers: then the command is selected instead.
  document.querySelectorAll("code[data-copy]").forEach(function (code) {
    var button = element("button", { type: "button", textContent: "copy" });
    function said(word) {
      button.textContent = word;
      setTimeout(function () { button.textContent = "copy"; }, 1500);
    }
    button.addEventListener("click", function () {
      select(code);
      if (navigator.clipboard) {
        navigator.clipboard.writeText(code.textContent).then(function () { said("copied"); },
          function () { said("selected"); });
      } else {
        said(document.execCommand("copy") ? "copied" : "selected");
      }
    });
    code.after(button);
  });

  // A click on a column's name sorts by it: numbers from the largest, texts by the alphabet; again turns it round.
  document.querySelectorAll("table[data-sort]").forEach(function (table) {
    var heads = [].slice.call(table.tHead.rows[0].cells);
    heads.forEach(function (head, column) {
      var button = element("button", { type: "button", textContent: head.textContent });
      head.replaceChildren(button);
      button.addEventListener("click", function () {
        var numeric = head.className === "number", was = head.getAttribute("aria-sort");
        var down = was ? was === "ascending" : numeric, rows = [].slice.call(table.tBodies[0].rows);
        rows.sort(function (a, b) {
          var x = a.cells[column].textContent, y = b.cells[column].textContent;
          var order = numeric ? (parseFloat(x) || 0) - (parseFloat(y) || 0) : x.localeCompare(y);
          return down ? -order : order;
        });
        heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        table.tBodies[0].append.apply(table.tBodies[0], rows);
      });
    });
  });

  // On paper nothing can be opened: all is, and closed again afterwards.
  var opened = [];
  addEventListener("beforeprint", function () {
    opened = [].slice.call(document.querySelectorAll("details:not([open])"));
    opened.forEach(function (details) { details.open = true; });
  });
  addEventListener("afterprint", function () {
    opened.forEach(function (details) { details.open = false; });
  });

  var cases = document.getElementById("cases");
  if (cases) {
    var word = element("input", { type: "search", placeholder: "filter cases" });
    word.setAttribute("aria-label", "filter cases by name");
    var bar = element("div", { className: "filters" }), rows = [].slice.call(cases.querySelectorAll("tr[data-status]"));
    var hidden = {};
    var filter = function () {
      var wanted = word.value.toLowerCase();
      rows.forEach(function (row) {
        row.hidden = hidden[row.dataset.status] || row.textContent.toLowerCase().indexOf(wanted) < 0;
      });
      cases.querySelectorAll("details.suite").forEach(function (suite) {
        var any = rows.some(function (row) { return !row.hidden && suite.contains(row); });
        suite.hidden = !any;
        if (wanted && any) { suite.open = true; }
      });
    };
    bar.append(word);
    ["passed", "failed", "flaky", "skipped"].forEach(function (status) {
      if (!rows.some(function (row) { return row.dataset.status === status; })) { return; }
      var button = element("button", { type: "button", textContent: status });
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", function () {
        hidden[status] = !hidden[status];
        button.setAttribute("aria-pressed", String(!hidden[status]));
        filter();
      });
      bar.append(button);
    });
    word.addEventListener("input", filter);
    cases.querySelector("h2").after(bar);
  }

  var svg = document.getElementById("timeline"), source = document.getElementById("timeline-data");
  if (!svg || !source) { return; }
  var data = JSON.parse(source.textContent), tooltip = document.getElementById("tooltip");
  var cursor = document.getElementById("cursor"), plot = svg.parentNode;
  var left = +svg.dataset.left, width = +svg.dataset.plot;

  // Index of the value nearest in time.
  function nearest(times, t) {
    var low = 0, high = times.length - 1;
    while (low < high) {
      var middle = (low + high) >> 1;
      if (times[middle] < t) { low = middle + 1; } else { high = middle; }
    }
    return low > 0 && t - times[low - 1] < times[low] - t ? low - 1 : low;
  }

  svg.addEventListener("mousemove", function (event) {
    var box = svg.getBoundingClientRect(), scale = svg.viewBox.baseVal.width / box.width;
    var x = (event.clientX - box.left) * scale, t = (x - left) / width * data.duration;
    if (t < 0 || t > data.duration) { leave(); return; }
    var lines = [(t / 1e9).toFixed(3) + " s"];
    data.series.forEach(function (series) {
      if (!series.t.length) { return; }
      var at = nearest(series.t, t);
      if (Math.abs(series.t[at] - t) < data.duration / 50) {
        lines.push(series.name + "  " + Number(series.v[at].toPrecision(4)));
      }
    });
    data.faults.forEach(function (fault) {
      if (fault.start <= t && t <= fault.end) { lines.push("fault  " + fault.name + " " + fault.target); }
    });
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.style.visibility = "visible";
    tooltip.textContent = lines.join("\n");
    tooltip.hidden = false;
    var frame = plot.getBoundingClientRect(), place = event.clientX - frame.left + 14;
    if (place + tooltip.offsetWidth > frame.width) { place -= tooltip.offsetWidth + 28; }
    tooltip.style.left = Math.max(0, place) + "px";
    tooltip.style.top = event.clientY - frame.top + 14 + "px";
  });
  function leave() {
    cursor.style.visibility = "hidden";
    tooltip.hidden = true;
  }
  svg.addEventListener("mouseleave", leave);
})();
