export {
  problemAt,
  readXml,
  spanAt,
  type XmlAttribute,
  type XmlElement,
  type XmlFile,
  xmlAttributesMax,
  xmlDepthMax,
  xmlValueLengthMax,
} from './xml.ts'
