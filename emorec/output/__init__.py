"""What is made of a timeline: charts, tables, subtitles, reports and highlights."""
