"""The outputs of a timeline: charts, tables, subtitles, annotations, reports, highlights and videos."""
