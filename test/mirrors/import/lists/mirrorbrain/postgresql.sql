
--
-- generated on Tue Mar  3 10:00:00 2026
--

--
-- fra1.mirror.example
--
INSERT INTO server (
  identifier, baseurl, baseurl_ftp, baseurl_rsync, enabled, status_baseurl, 
  region, country, asn, prefix,
  score, comment, operator_name, operator_url, public_notes,
  admin, admin_email, lat, lng,
  country_only, region_only, as_only, prefix_only, 
  other_countries, file_maxsize, scan_fpm)
VALUES (
  'fra1.mirror.example', 'http://fra1.mirror.example/repo/', '', 'rsync://fra1.mirror.example/repo/', 'True', 'True', 
  'eu', 'de', '64500', '192.0.2.0/24',
  '150', $QUOTE$It's big; (really),
INSERT it somewhere$QUOTE$, $QUOTE$Example's Hosting$QUOTE$, 'https://hosting.example/', $QUOTE$$QUOTE$,
  $QUOTE$Some One$QUOTE$, $QUOTE$someone@hosting.example$QUOTE$, '50.110', '8.680',
  'False', 'False', 'False', 'False',
  '', '0', '12');

--
-- torn.mirror.example
--
INSERT INTO server (
  identifier, baseurl, baseurl_ftp, baseurl_rsync, enabled, status_baseurl, 
  region, country, asn, prefix,
  score, comment, operator_name, operator_url, public_notes,
  admin, admin_email, lat, lng,
  country_only, region_only, as_only, prefix_only, 
  other_countries, file_maxsize, scan_fpm)
VALUES (
  'torn.mirror.example', 'http://torn.mirror.example/it's/', '', '', 'True', 'True', 
  'eu', 'de', '0', '0',
  '100', $QUOTE$$QUOTE$, $QUOTE$$QUOTE$, '', $QUOTE$$QUOTE$,
  $QUOTE$$QUOTE$, $QUOTE$$QUOTE$, '0', '0',
  'False', 'False', 'False', 'False',
  '', '0', '0');

--
-- region.mirror.example
--
INSERT INTO server (
  identifier, baseurl, baseurl_ftp, baseurl_rsync, enabled, status_baseurl, 
  region, country, asn, prefix,
  score, comment, operator_name, operator_url, public_notes,
  admin, admin_email, lat, lng,
  country_only, region_only, as_only, prefix_only, 
  other_countries, file_maxsize, scan_fpm)
VALUES (
  'region.mirror.example', 'http://region.mirror.example/', 'ftp://region.mirror.example/repo/', '', 'False', 'False', 
  'as', 'de', '0', '0',
  '100', $QUOTE$$QUOTE$, $QUOTE$$QUOTE$, '', $QUOTE$$QUOTE$,
  $QUOTE$$QUOTE$, $QUOTE$$QUOTE$, '0', '0',
  'False', 'True', 'False', 'False',
  'kz', '0', '0');

-- as pg_dump writes it
INSERT INTO public.server (id, identifier, baseurl, enabled, country, asn, lat, lng, score) VALUES (7, 'o''dump.example', 'https://dump.mirror.example/', true, 'fr', 64502, NULL, NULL, 100);
