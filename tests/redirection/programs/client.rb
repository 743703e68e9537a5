# A client of Flaresend that hard-codes its host: sends, uploads, receives over https, and downloads media.
require "json"
require "net/http"
require "openssl"
require "stringio"

API = URI("https://api.flaresend.com/send-message")
KEY = {"Authorization" => "Bearer YOUR_API_KEY"}.freeze

def post(request)
  response = Net::HTTP.start(API.host, API.port, use_ssl: true) { |http| http.request(request) }
  abort(response.body) unless response.code == "200"
end

text = Net::HTTP::Post.new(API, KEY.merge("Content-Type" => "application/json"))
text.body = JSON.dump(recipients: ["254712345678"], type: "text", text: "Hello")
post(text)

upload = Net::HTTP::Post.new(API, KEY)
file = StringIO.new("%PDF-1.7 menu")
upload.set_form([["recipients[]", "254712345678"], ["type", "document"], ["file", file, {filename: "menu.pdf"}]],
                "multipart/form-data")
post(upload)

pem = File.read("#{ARGV[0]}/server.pem")
context = OpenSSL::SSL::SSLContext.new
certificate, *between = OpenSSL::X509::Certificate.load(pem)
context.add_certificate(certificate, OpenSSL::PKey.read(pem), between)
listening = TCPServer.new("127.0.0.1", 0)
$stdout.sync = true
puts "PORT #{listening.addr[1]}"
connection = OpenSSL::SSL::SSLServer.new(listening, context).accept
length = 0
until (line = connection.gets.chomp).empty?
  length = Regexp.last_match(1).to_i if line =~ /\Acontent-length: (\d+)/i
end
event = JSON.parse(connection.read(length))
connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
connection.close

media = Net::HTTP.get(URI(event["data"]["message"]["imageMessage"]["url"]))
puts "MEDIA #{media.bytesize}"
