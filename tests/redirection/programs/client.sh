# A client of Flaresend that hard-codes its host: sends, uploads, and downloads media.
set -e
url=https://api.flaresend.com/send-message
key='Authorization: Bearer YOUR_API_KEY'
json='{"recipients":["254712345678"],"type":"text","text":"Hello"}'
curl -sS --fail-with-body -o /dev/null "$url" -H "$key" -H 'Content-Type: application/json' -d "$json"
printf '%%PDF-1.7 menu' |
  curl -sS --fail-with-body -o /dev/null "$url" -H "$key" -F 'recipients[]=254712345678' -F type=document \
    -F 'file=@-;filename=menu.pdf;type=application/pdf'
echo "MEDIA $(curl -sS "$1" | wc -c | tr -d ' ')"
